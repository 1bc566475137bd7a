# init, commit, branch, merge, rebase, stash, clone over file://, push, hooks, worktree
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
set -e
cd /tmp/w
git init -q --bare -b work origin.git
git clone -q file:///tmp/w/origin.git a 2>/dev/null
cd a
git checkout -q -b work 2>/dev/null || true
printf 'one\n' >f && git add f && git commit -qm one
git checkout -qb side && printf 'side\n' >g && git add g && git commit -qm side
git checkout -q work && printf 'two\n' >>f && git commit -qam two
git merge -q --no-edit side
git log --oneline --format='%s' | cat
git push -q origin work
printf 'dirty\n' >>f && git stash -q && git status --short && git stash pop -q && git diff --stat | cat
git checkout -q -- f
git worktree add -q ../wt side && ls ../wt
printf '#!/bin/sh\necho hook ran\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
git commit -q --allow-empty -m hooked 2>&1
git clone -q file:///tmp/w/origin.git ../b && cd ../b && git log -1 --format=%s
git rebase -q HEAD~1 2>&1 || true
git rev-parse HEAD >/dev/null && git fsck 2>/dev/null; echo "fsck $?"
git gc -q && git count-objects
