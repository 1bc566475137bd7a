/* The facts: identifier, name, kind, what it says. The part of the name before the first dot is the family.
 */
/* clang-format off */
#define FACTS_ALL(F) \
	F(FILES_RECURSIVE, "files.recursive", FLAG, "rm, chmod, chown, chgrp: as their own .recursive") \
	F(FILES_NO_PRESERVE_ROOT, "files.no_preserve_root", FLAG, "the same for .no_preserve_root") \
	F(FILES_TARGET, "files.target", PATH, "the same for .target") \
	F(RM_RECURSIVE, "rm.recursive", FLAG, "-r, -R, --recursive") \
	F(RM_FORCE, "rm.force", FLAG, "-f, unless a later -i takes it back") \
	F(RM_INTERACTIVE, "rm.interactive", FLAG, "-i, -I, --interactive, unless a later -f takes it back") \
	F(RM_DIR, "rm.dir", FLAG, "-d: empty directories too") \
	F(RM_NO_PRESERVE_ROOT, "rm.no_preserve_root", FLAG, "--no-preserve-root") \
	F(RM_TARGET, "rm.target", PATH, "what is to be removed, one value each") \
	F(RM_UNKNOWN, "rm.unknown", FLAG, "an option that rm does not know") \
	F(CHMOD_RECURSIVE, "chmod.recursive", FLAG, "-R") \
	F(CHMOD_NO_PRESERVE_ROOT, "chmod.no_preserve_root", FLAG, "--no-preserve-root") \
	F(CHMOD_SETID, "chmod.setid", FLAG, "the mode gives set-user-id or set-group-id") \
	F(CHMOD_WORLD_WRITABLE, "chmod.world_writable", FLAG, "the mode lets everybody write") \
	F(CHMOD_EXECUTABLE, "chmod.executable", FLAG, "the mode makes executable") \
	F(CHMOD_REFERENCE, "chmod.reference", PATH, "--reference: the file whose mode is taken") \
	F(CHMOD_MODE, "chmod.mode", TEXT, "the mode as written") \
	F(CHMOD_TARGET, "chmod.target", PATH, "the files, one value each") \
	F(CHMOD_UNKNOWN, "chmod.unknown", FLAG, "an option that chmod does not know") \
	F(CHOWN_RECURSIVE, "chown.recursive", FLAG, "chown, chgrp: -R") \
	F(CHOWN_NO_PRESERVE_ROOT, "chown.no_preserve_root", FLAG, "--no-preserve-root") \
	F(CHOWN_FOLLOW, "chown.follow", FLAG, "-H, -L: goes through links to directories") \
	F(CHOWN_REFERENCE, "chown.reference", PATH, "--reference: the file whose owner is taken") \
	F(CHOWN_OWNER, "chown.owner", TEXT, "the new owner as written, with its :group") \
	F(CHOWN_GROUP, "chown.group", TEXT, "chgrp: the new group") \
	F(CHOWN_TARGET, "chown.target", PATH, "the files, one value each") \
	F(CHOWN_UNKNOWN, "chown.unknown", FLAG, "an option that chown and chgrp do not know") \
	F(DD_IF, "dd.if", PATH, "if=, the last one") \
	F(DD_OF, "dd.of", PATH, "of=, the last one") \
	F(DD_UNKNOWN, "dd.unknown", FLAG, "an operand that dd does not know") \
	F(FIND_EXEC, "find.exec", FLAG, "-exec, -execdir, -ok, -okdir") \
	F(FIND_COMMAND, "find.command", PATH, "the program of each -exec") \
	F(FIND_DELETE, "find.delete", FLAG, "-delete") \
	F(FIND_WRITE, "find.write", PATH, "the files of -fprint, -fprint0, -fprintf, -fls") \
	F(FIND_PATH, "find.path", PATH, "where it starts, one value each") \
	F(FIND_FROM_FILE, "find.from_file", FLAG, "-files0-from: it starts where a file says") \
	F(FIND_UNKNOWN, "find.unknown", FLAG, "a test or action that find does not know") \
	F(TAR_CREATE, "tar.create", FLAG, "-c, -r, -u, -A: writes an archive") \
	F(TAR_EXTRACT, "tar.extract", FLAG, "-x") \
	F(TAR_LIST, "tar.list", FLAG, "-t, -d") \
	F(TAR_DELETE, "tar.delete", FLAG, "--delete, --remove-files, --recursive-unlink") \
	F(TAR_EXEC, "tar.exec", FLAG, \
	  "an option that starts a program: -I, -F, --to-command, --checkpoint-action ...") \
	F(TAR_ABSOLUTE, "tar.absolute", FLAG, "-P: names from / and with .. are kept") \
	F(TAR_REMOTE, "tar.remote", FLAG, "the archive is host:file") \
	F(TAR_FILE, "tar.file", PATH, "the archive, -f") \
	F(TAR_DIRECTORY, "tar.directory", PATH, "-C, one value each") \
	F(TAR_MEMBER, "tar.member", PATH, "the names on the command line") \
	F(TAR_FROM_FILE, "tar.from_file", FLAG, "-T: further names, and options, come from a file") \
	F(TAR_UNKNOWN, "tar.unknown", FLAG, "an option that tar does not know") \
	F(RSYNC_DELETE, "rsync.delete", FLAG, "--delete and its like, --remove-source-files") \
	F(RSYNC_EXEC, "rsync.exec", FLAG, "-e, --rsync-path: starts a program of its own choice") \
	F(RSYNC_REMOTE, "rsync.remote", FLAG, "one side is another machine") \
	F(RSYNC_SERVER, "rsync.server", FLAG, "--daemon, --server") \
	F(RSYNC_TARGET, "rsync.target", PATH, "where it writes to") \
	F(RSYNC_SOURCE, "rsync.source", PATH, "where it reads from, one value each") \
	F(RSYNC_UNKNOWN, "rsync.unknown", FLAG, "an option that rsync does not know") \
	F(NET_URL, "net.url", TEXT, "curl, wget, git, rsync, pip ...: an address as written") \
	F(NET_URL_HOST, "net.url.host", HOST, "the host of each address") \
	F(NET_URL_SCHEME, "net.url.scheme", TEXT, \
	  "https, ssh, ... of each address; what the tool takes if none is written") \
	F(NET_URL_UNKNOWN, "net.url.unknown", FLAG, "an address that cannot be told from the arguments") \
	F(CURL_OUTPUT, "curl.output", FLAG, "-o, -O and all that writes a file") \
	F(CURL_OUTPUT_FILE, "curl.output.file", PATH, "the files named for writing") \
	F(CURL_UPLOAD, "curl.upload", FLAG, "-T, -F, and -d with what sends data") \
	F(CURL_UPLOAD_FILE, "curl.upload.file", PATH, "the files named for sending") \
	F(CURL_METHOD, "curl.method", TEXT, "-X") \
	F(CURL_INSECURE, "curl.insecure", FLAG, "-k, --proxy-insecure, --doh-insecure") \
	F(CURL_REROUTE, "curl.reroute", FLAG, \
	  "-x, --connect-to, --resolve ...: goes elsewhere than the address says") \
	F(CURL_CONFIG, "curl.config", FLAG, "-K: more options come from a file") \
	F(CURL_EXEC, "curl.exec", FLAG, "-Q, --engine, telnet and ftp commands of its own") \
	F(CURL_UNKNOWN, "curl.unknown", FLAG, "an option that curl does not know") \
	F(WGET_OUTPUT, "wget.output", FLAG, "-O, -o, -a, -P and all that names a place to write") \
	F(WGET_OUTPUT_FILE, "wget.output.file", PATH, "the files and directories named for writing") \
	F(WGET_UPLOAD, "wget.upload", FLAG, "--post-data, --post-file, --body-data, --body-file") \
	F(WGET_UPLOAD_FILE, "wget.upload.file", PATH, "the files named for sending") \
	F(WGET_METHOD, "wget.method", TEXT, "--method") \
	F(WGET_INSECURE, "wget.insecure", FLAG, "--no-check-certificate") \
	F(WGET_CONFIG, "wget.config", FLAG, "-e, -i, --config: options or addresses come from elsewhere") \
	F(WGET_EXEC, "wget.exec", FLAG, "--use-askpass, -e: starts a program") \
	F(WGET_RECURSIVE, "wget.recursive", FLAG, "-r, -m, -p: follows links") \
	F(WGET_UNKNOWN, "wget.unknown", FLAG, "an option that wget does not know") \
	F(GIT_COMMAND, "git.command", TEXT, "the sub-command") \
	F(GIT_DIR, "git.dir", PATH, "-C, --git-dir, --work-tree") \
	F(GIT_ALIAS, "git.alias", FLAG, \
	  "a sub-command that git does not have: an alias or another program, judged when git starts it") \
	F(GIT_EXEC, "git.exec", FLAG, \
	  "an option or address that starts a program: --upload-pack, rebase -x, ext:: ...") \
	F(GIT_CONFIG_SET, "git.config.set", FLAG, "-c, --config-env, git config that changes something") \
	F(GIT_CONFIG_EXEC, "git.config.exec", FLAG, \
	  "a setting that makes git start programs: core.sshCommand, alias.x=!... ...") \
	F(GIT_CONFIG_KEY, "git.config.key", TEXT, "the settings that are changed, in lower case") \
	F(GIT_PUSH, "git.push", FLAG, "push, send-pack, http-push") \
	F(GIT_PUSH_FORCE, "git.push.force", FLAG, "-f, --force, --force-with-lease, --mirror, +REF") \
	F(GIT_PUSH_DELETE, "git.push.delete", FLAG, "-d, --delete, --mirror, --prune, :REF") \
	F(GIT_PUSH_ALL, "git.push.all", FLAG, "--all, --branches, --mirror, REF with *") \
	F(GIT_PUSH_IMPLICIT, "git.push.implicit", FLAG, \
	  "no branch named: git's settings say which, or HEAD and @ are") \
	F(GIT_PUSH_REF, "git.push.ref", PATH, "each branch or tag that is written, without refs/heads/") \
	F(GIT_PUSH_REMOTE, "git.push.remote", TEXT, "where to") \
	F(GIT_RESET_HARD, "git.reset.hard", FLAG, "reset --hard") \
	F(GIT_CLEAN_FORCE, "git.clean.force", FLAG, "clean -f") \
	F(GIT_DISCARD, "git.discard", FLAG, \
	  "throws work away: reset --hard, clean -f, checkout of files, restore, stash drop, branch -D ...") \
	F(GIT_REWRITE, "git.rewrite", FLAG, \
	  "changes history: rebase, commit --amend, filter-branch, update-ref, replace ...") \
	F(GIT_FETCH, "git.fetch", FLAG, \
	  "clone, fetch, pull, ls-remote, submodule update: reads from elsewhere") \
	F(GIT_HOOKS_OFF, "git.hooks_off", FLAG, "--no-verify") \
	F(GIT_UNKNOWN, "git.unknown", FLAG, "an option that git does not know, where it matters") \
	F(PKG_INSTALL, "pkg.install", FLAG, "installs or updates packages") \
	F(PKG_FETCH, "pkg.fetch", FLAG, "downloads packages without installing them") \
	F(PKG_EXEC, "pkg.exec", FLAG, \
	  "runs a program out of a package it may fetch: npx, uvx, npm create ...") \
	F(PKG_REMOVE, "pkg.remove", FLAG, "removes packages") \
	F(PKG_PUBLISH, "pkg.publish", FLAG, "publishes, or changes who may") \
	F(PKG_GLOBAL, "pkg.global", FLAG, "-g and its like: not only in the project") \
	F(PKG_OFFLINE, "pkg.offline", FLAG, \
	  "--offline, --no-index: no network, as far as nothing names an address") \
	F(PKG_INDEX, "pkg.index", FLAG, "--registry, --index-url ...: from another index") \
	F(PKG_FROM_URL, "pkg.from_url", FLAG, "a package named by an address or a repository") \
	F(PKG_FROM_FILE, "pkg.from_file", FLAG, "-r, -c: names come from a file") \
	F(PKG_MANAGER, "pkg.manager", TEXT, "npm, pip, cargo, apt ...") \
	F(PKG_COMMAND, "pkg.command", TEXT, "the sub-command as written") \
	F(PKG_PACKAGE, "pkg.package", TEXT, "what the sub-command is given, one value each") \
	F(PKG_UNKNOWN, "pkg.unknown", FLAG, "an option or sub-command that the manager does not know") \
	F(DOCKER_COMMAND, "docker.command", TEXT, \
	  "docker, podman, nerdctl: the sub-command, 'container run' is 'run'") \
	F(DOCKER_RUN, "docker.run", FLAG, "run, create, start, compose up: starts containers") \
	F(DOCKER_EXEC, "docker.exec", FLAG, "exec, attach: enters one") \
	F(DOCKER_BUILD, "docker.build", FLAG, "build, buildx, bake") \
	F(DOCKER_PUSH, "docker.push", FLAG, "push, login") \
	F(DOCKER_PULL, "docker.pull", FLAG, "pull, load, import") \
	F(DOCKER_REMOVE, "docker.remove", FLAG, "rm, rmi, prune, kill, stop, down") \
	F(DOCKER_PRIVILEGED, "docker.privileged", FLAG, \
	  "--privileged, --device, --cap-add, --security-opt, a namespace of the host") \
	F(DOCKER_MOUNT, "docker.mount", PATH, "what of the host is mounted, one value each") \
	F(DOCKER_IMAGE, "docker.image", TEXT, "the image that is run, built, pulled or pushed") \
	F(DOCKER_REMOTE, "docker.remote", FLAG, "-H, --context: another daemon") \
	F(DOCKER_UNKNOWN, "docker.unknown", FLAG, "an option or sub-command that docker does not know") \
	F(KUBECTL_COMMAND, "kubectl.command", TEXT, "kubectl, oc: the sub-command") \
	F(KUBECTL_READ, "kubectl.read", FLAG, "get, describe, logs, top, version ...: changes nothing") \
	F(KUBECTL_CHANGE, "kubectl.change", FLAG, \
	  "apply, create, edit, patch, scale ...: changes the cluster") \
	F(KUBECTL_DELETE, "kubectl.delete", FLAG, "delete, drain, replace --force, apply --prune") \
	F(KUBECTL_ALL, "kubectl.all", FLAG, "--all, --all-namespaces") \
	F(KUBECTL_EXEC, "kubectl.exec", FLAG, \
	  "exec, attach, cp, debug, run, port-forward, proxy: reaches into it") \
	F(KUBECTL_SECRETS, "kubectl.secrets", FLAG, "names secrets, or reads raw addresses") \
	F(KUBECTL_FORCE, "kubectl.force", FLAG, "--force, --now, --grace-period=0") \
	F(KUBECTL_DRY_RUN, "kubectl.dry_run", FLAG, "--dry-run") \
	F(KUBECTL_OTHER, "kubectl.other", FLAG, \
	  "another cluster or user: --context, --server, --token, --as ...") \
	F(KUBECTL_NAMESPACE, "kubectl.namespace", TEXT, "-n") \
	F(KUBECTL_RESOURCE, "kubectl.resource", TEXT, "what the sub-command is given, one value each") \
	F(KUBECTL_UNKNOWN, "kubectl.unknown", FLAG, "an option or sub-command that kubectl does not know")
/* clang-format on */
