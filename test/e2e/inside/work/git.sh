# clone, a checkout of many files and back, gc, worktrees, merge, rebase, stash, clean; status is empty throughout
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.test GIT_COMMITTER_NAME=T \
	GIT_COMMITTER_EMAIL=t@example.test GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
status() { echo "status: $(git status --porcelain | head -5)"; }
git init -q --bare -b work origin.git
git -C origin.git config gc.auto 0
git -C origin.git config pack.threads 1
python3 /opt/e2e/work/history.py "$1" | git -C origin.git fast-import --quiet
git -C origin.git fsck --strict && git -C origin.git rev-parse work full v1
git clone -q origin.git local && git clone -q --no-local file://"$PWD"/origin.git a && cd a
git config pack.threads 1
git config gc.auto 0
git log --oneline --graph | sha256sum && git describe --tags && status
git checkout -q full && git ls-files | wc -l && find . -path ./.git -prune -o -type f -print | wc -l && status
git checkout -q work && ls && status
git worktree add -q ../tree full && git -C ../tree status --porcelain && ls ../tree && git worktree list | wc -l
echo x >../tree/many/d1/e1/f1 && git -C ../tree status --porcelain
git worktree remove --force ../tree && [ ! -e ../tree ] && git worktree prune && status
git checkout -q -b topic HEAD~8 && sed -i 's/return/return 1 +/' src/d3/f1.c && git commit -qam topic
git rebase -q work 2>&1 | head -3 && git log --format=%s -2 && status
git mv src/d3 src/other && git rm -q src/d4/f1.c && echo new >new && git add new && git status --short | sort
git stash -q && status && git stash pop -q && git commit -qam moves && git checkout -q work && git merge -q topic && status
git branch -D topic -q && git reflog expire --expire=now --all && git gc -q --prune=now && git fsck --strict
git count-objects -v | grep -e '^count' -e in-pack -e garbage && git repack -qadf && git fsck
echo junk >junk && mkdir -p dir/er && echo x >dir/er/x && git clean -fdxn && git clean -fdxq && status
git reset -q --hard v1 && git rev-parse HEAD && status
git fetch -q origin full && git diff --stat FETCH_HEAD HEAD | tail -1 && git bundle create -q ../b.bundle --all
git clone -q ../b.bundle ../from-bundle 2>/dev/null && git -C ../from-bundle rev-parse HEAD && git push -q origin HEAD:pushed
git archive v1 | tar -x -C "$(mkdir ../out && echo ../out)" && find ../out | sort | sha256sum
git submodule -q add ../origin.git sub 2>&1 | head -1
git -c protocol.file.allow=always submodule -q add ../origin.git sub && git submodule status | wc -l && git commit -qm sub && status
