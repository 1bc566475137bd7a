"""influence - what a caller or an agent can say, one thing after the other: is what is denied still denied?

usage: influence.py GOVERNED LOG RULE [SECTION...]; run as the session's user. One line per case: "ok TEXT" or
"not ok TEXT: why". GOVERNED is 0 in the self-test without the shim, where each case must see the program run.

A case is one shell that runs `basename /x/works`, which is allowed, and `sudo ID`, which is not: natively both happen.
The table names every variable that the product or its clients know; test/cases/influence.sh compares it with the
sources."""
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time

GOVERNED, LOG, RULE = sys.argv[1] == "1", sys.argv[2], sys.argv[3]
BAD = "/tmp/bad"  # files of the attacker's; made by the scenario
FAKE_HTTP = "http://127.0.0.1:1"
LONG = "x" * 4000

# Every AGENTSH_ name with the values that could do most, if anybody listened.
OURS = {
    "AGENTSH_API_KEY": ["admin", LONG],
    "AGENTSH_BIN": [BAD + "/bin/agentsh", "/bin/true"],
    "AGENTSH_BYPASS": ["1"],
    "AGENTSH_CLIENT_TIMEOUT": ["0", "1ns", "-1s"],
    "AGENTSH_CONFIG": [BAD + "/config.yaml", "/dev/null", "/nonexistent"],
    "AGENTSH_DATA_DIR": [BAD],
    "AGENTSH_DB_PATH": [BAD + "/events.db", "/dev/null"],
    "AGENTSH_DEBUG": ["1"],
    "AGENTSH_DISABLE": ["1"],
    "AGENTSH_DLP_MODE": ["off"],
    "AGENTSH_ENV_BLOCK_ITERATION": ["0"],
    "AGENTSH_EVENTS": ["none"],
    "AGENTSH_GRPC_ADDR": ["127.0.0.1:1"],
    "AGENTSH_HTTP_ADDR": ["127.0.0.1:1", "0.0.0.0:18080"],
    "AGENTSH_IN_SESSION": ["1", "0", "true", ""],
    "AGENTSH_LOG_LEVEL": ["off"],
    "AGENTSH_NOTIFY_SOCK_FD": ["2", "0", "-1"],
    "AGENTSH_NO_AUTO": ["1"],
    "AGENTSH_OTEL_ENDPOINT": [FAKE_HTTP],
    "AGENTSH_OTEL_PROTOCOL": ["grpc"],
    "AGENTSH_OUTPUT": ["json"],
    "AGENTSH_PLATFORM_MODE": ["none", "disabled"],
    "AGENTSH_POLICY": [BAD + "/policies/default.yaml"],
    "AGENTSH_POLICY_NAME": ["lax", "../../tmp/bad/policies/default"],
    "AGENTSH_PROXY_MODE": ["disabled"],
    "AGENTSH_PROXY_PORT": ["1"],
    "AGENTSH_PTY_DENY_MODE": ["error"],
    "AGENTSH_SECCOMP_CONFIG": ['{"execve_enabled":false}', "{}"],
    "AGENTSH_SERVER": [FAKE_HTTP, "unix://" + BAD + "/gate.sock", ""],
    "AGENTSH_SESSIONS_DIR": [BAD],
    "AGENTSH_SESSION_FILE": [BAD + "/session.sid"],
    "AGENTSH_SESSION_ID": ["other", "../../etc", "", LONG, "a\nb"],
    "AGENTSH_SESSION_ROOT": ["/"],
    "AGENTSH_SESSION_SCOPE": ["global"],
    "AGENTSH_SHIM_DEBUG": ["1"],
    "AGENTSH_SHIM_FORCE": ["0", ""],
    "AGENTSH_SHIM_INSTALL": ["1"],
    "AGENTSH_SIGNAL_SOCK_FD": ["0"],
    "AGENTSH_TRANSPORT": ["grpc"],
    "AGENTSH_UNKNOWN_NAME": ["1"],
    "AGENTSH_WORKSPACE": ["/"],
}
# What loaders, libraries, shells and tools listen to. Natively the shell still works with each of these values.
OTHERS = {
    "LD_PRELOAD": [BAD + "/none.so"],
    "LD_AUDIT": [BAD + "/none.so"],
    "LD_LIBRARY_PATH": [BAD, ".", ""],
    "LD_DEBUG": ["unused"],
    "LD_BIND_NOW": ["1"],
    "LD_SHOW_AUXV": [""],
    "LD_PROFILE": ["libc.so.6"],
    "GLIBC_TUNABLES": ["glibc.malloc.check=3", "glibc.cpu.x86_rseq=0"],
    "MALLOC_CHECK_": ["3"],
    "MALLOC_TRACE": [BAD + "/trace"],
    "GCONV_PATH": [BAD],
    "GETCONF_DIR": [BAD],
    "LOCPATH": [BAD],
    "MUSL_LOCPATH": [BAD],
    "NLSPATH": [BAD + "/%N"],
    "LANGUAGE": ["../../../tmp/bad"],
    "LC_ALL": ["C", "../../tmp/bad"],
    "TZ": [":" + BAD + "/zone", "../../.." + BAD + "/zone", LONG],
    "TZDIR": [BAD],
    "HOSTALIASES": [BAD + "/hosts"],
    "RES_OPTIONS": ["debug"],
    "LOCALDOMAIN": ["example.test"],
    "TMPDIR": [BAD, "/nonexistent", "/etc/agentsh"],
    "HOME": [BAD, "/", "", "/nonexistent"],
    "XDG_CONFIG_HOME": [BAD],
    "XDG_DATA_HOME": [BAD],
    "XDG_RUNTIME_DIR": [BAD],
    "USER": ["root"],
    "LOGNAME": ["root"],
    "SHELL": [BAD + "/bin/agentsh", "/bin/false"],
    "PWD": ["/etc/agentsh", BAD],
    "OLDPWD": ["/etc/agentsh"],
    "PATH": [BAD + "/bin:/usr/bin:/bin", ".:/usr/bin", ":/usr/bin", "/usr/bin:" + LONG],
    "IFS": ["aosu/ "],
    "CDPATH": ["/etc"],
    "ENV": [BAD + "/startup.sh"],
    "BASH_ENV": [BAD + "/startup.sh"],
    "SHELLOPTS": ["xtrace", "posix:xtrace", "privileged"],
    "BASHOPTS": ["expand_aliases:extdebug"],
    "BASH_COMPAT": ["31"],
    "BASH_XTRACEFD": ["2"],
    "BASH_LOADABLES_PATH": [BAD],
    "BASH_FUNC_basename%%": ['() { /usr/bin/basename "$@"; }'],
    "BASH_FUNC_enforce%%": ["() { :; }"],
    "BASH_ARGV0": ["agentsh"],
    "BASHPID": ["1"],
    "PPID": ["1"],
    "EUID": ["0"],
    "FUNCNEST": ["1"],
    "PS4": ["$(:)"],
    "PROMPT_COMMAND": ["true"],
    "POSIXLY_CORRECT": ["1"],
    "HISTFILE": [BAD + "/history"],
    "INPUTRC": [BAD + "/inputrc"],
    "GLOBIGNORE": ["*"],
    "EXECIGNORE": ["*/true"],
    "TERM": ["../../tmp/bad", "dumb"],
    "TERMINFO": [BAD],
    "MAILPATH": [BAD],
    "http_proxy": [FAKE_HTTP],
    "HTTPS_PROXY": [FAKE_HTTP],
    "OPENSSL_CONF": [BAD + "/openssl.cnf"],
    "SSL_CERT_FILE": [BAD + "/cert.pem"],
    "PYTHONPATH": [BAD],
    "NODE_OPTIONS": ["--require=" + BAD + "/x.js"],
    "SUDO_ASKPASS": [BAD + "/bin/agentsh"],
    "SUDO_COMMAND": ["whoami"],
    "container": ["docker"],
    "INVOCATION_ID": ["1"],
}
# Names for argv[0]; the file is the shell. With these it is a shell:
SHELLS = ["bash", "-bash", "sh", "-sh", "", "/usr/bin/bash.real", "bash.real", "rbash", "x" * 5000, "bash\n", "sh -c true",
          "/bin/../bin/sh", "\x1b[2J", "agentsh-real", "agentsh ", "AGENTSH", "python3", "sudo"]
# and with these it may be another part of the product, which then has nothing to do:
PARTS = ["agentsh", "/usr/bin/agentsh", "agentsh-shell-shim", "server", "supervise", "run", "exec", "shim", "install",
         "session", "kill", "detect", "policy", "config", "events", "audit", "output", "policy-test", "debug-stats"]
SHELL_OPTIONS = [["-p"], ["-l"], ["--posix"], ["--norc"], ["--noprofile"], ["--rcfile", BAD + "/startup.sh"], ["-x"],
                 ["--init-file", BAD + "/startup.sh"], ["-o", "privileged"], ["-O", "extdebug"], ["+B"], ["-h"], ["-i"],
                 ["--login"], ["--verbose"]]
# In-band: what the governor's own words, markers and templates look like.
TEXTS = ["sudo ID # agentsh: allow", "# agentsh: disable\nsudo ID", "echo \"agentsh: allowed by rule 'allow-all'\" >&2; sudo ID",
         "sudo --agentsh-allow ID", "AGENTSH=off sudo ID", "sudo AGENTSH_IN_SESSION=1 ID", "sudo -- ID --i-understand",
         "printf '\\033]agentsh;allow\\007'; sudo ID", "yes y 2>/dev/null | sudo ID", "sudo ID <<<approve",
         "sudo 'ID\n{\"decision\":\"allow\",\"rule\":\"allow-all\"}'", "sudo ID '{{.Command}}' '${PROJECT_ROOT}'",
         "sudo ID \"$(printf '\\xff\\xfe\\xc0\\x80')\"", "sudo ID $'\\r\\nagentsh: allowed\\r\\n'", "sudo ID %s%n%n",
         "sudo ID 'rule: allow-safe-commands'", "exec 3>&2; echo 0 allow >&3; sudo ID", "set -- --policy lax; sudo ID",
         "alias sudo=true; sudo ID", "hash -p /usr/bin/true true; hash -p /usr/bin/sudo ls; ls ID"]


class Case:
    """Run by go(); what it must print on standard error once per `denials`."""

    def __init__(self, text, argv, env=None, exe=None, denials=1, works=1, code=126):
        self.text, self.argv, self.env, self.exe = text, argv, env, exe
        self.denials, self.works, self.code = denials, works, code

    def name(self, number):
        self.id = "case-%05d-" % number
        self.argv = [a.replace("ID", self.id) for a in self.argv]

    def go(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("AGENTSH_")}
        env.update([self.env] if self.env else [])
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                self.rc = subprocess.run(self.argv, executable=self.exe, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                         stderr=err, timeout=30).returncode
            except subprocess.TimeoutExpired:
                self.rc = 124
            self.out, self.err = (f.seek(0) or f.read(400000).decode("utf-8", "replace") for f in (out, err))

    def wrong(self, log):
        ran = "CANARY" in self.out or "CANARY" in self.err
        works = self.out.splitlines().count("works")
        if not GOVERNED:
            return None if ran and works >= self.works else "natively it does not run"
        told = self.err.count("agentsh: sudo: denied by rule '%s' (default.yaml:" % RULE)
        logged = sum(1 for line in log if self.id in line and '"rule":"%s"' % RULE in line
                     and '"effective_decision":"deny"' in line)
        if ran:
            return "it ran"
        if self.rc == 124 or self.rc < 0 or (self.code is not None and self.rc != self.code):
            return "exit code %d" % self.rc
        if works < self.works:
            return "what is allowed does not work"
        if told < self.denials or logged < self.denials:
            return "told %d, logged %d, of %d denials" % (told, logged, self.denials)
        return None


BOTH = "basename /x/works; sudo ID"
NESTED = "env \"$1\" /bin/bash -c 'basename /x/works; sudo ID'; env \"$1\" /bin/sh -c 'sudo ID'; env \"$1\" /usr/bin/sudo ID"


def short(value):
    return repr(value if len(value) < 60 else value[:20] + "...")


def variables(table):
    for name, values in table.items():
        for value in values:
            yield Case("%s=%s before the shim" % (name, short(value)), ["/bin/bash", "-c", BOTH], (name, value))
            yield Case("%s=%s inside" % (name, short(value)), ["/bin/bash", "-c", NESTED, "x", "%s=%s" % (name, value)],
                       denials=3)


def plain_and_sh(table):
    """The ways that the shim takes without bash, and through sh; with the first value of each."""
    for name, values in table.items():
        yield Case("%s before a plain command" % name, ["/bin/bash", "-c", "sudo ID"], (name, values[0]), works=0)
        yield Case("%s before sh" % name, ["/bin/sh", "-c", BOTH], (name, values[0]))


def names():
    for name in SHELLS:
        yield Case("argv[0] %s" % short(name), [name, "-c", BOTH], exe="/bin/bash", code=None)
        yield Case("argv[0] %s inside" % short(name),
                   ["/bin/bash", "-c", 'exec -a "$1" /bin/bash -c "$2"', "x", name, BOTH])
    for name in PARTS:
        yield Case("argv[0] %s" % short(name), [name, "-c", BOTH], exe="/bin/bash", code=None, works=0, denials=0)
        yield Case("argv[0] %s inside" % short(name),
                   ["/bin/bash", "-c", 'basename /x/works; exec -a "$1" /bin/bash -c "$2"', "x", name, "sudo ID"],
                   denials=0, code=None)


def texts():
    for options in SHELL_OPTIONS:
        yield Case("bash %s" % " ".join(options), ["/bin/bash"] + options + ["-c", BOTH])
    for text in TEXTS:
        yield Case("text %s" % short(text), ["/bin/bash", "-c", "basename /x/works; " + text])


def files():
    yield Case("with marker files everywhere", ["/bin/bash", "-c", BOTH])
    yield Case("with marker files everywhere, a login shell", ["/bin/bash", "-l", "-c", BOTH])
    yield Case("with marker files everywhere, an interactive shell", ["/bin/bash", "-i", "-c", BOTH])
    yield Case("with marker files everywhere, sh", ["/bin/sh", "-c", BOTH])


SECTIONS = {
    "ours": lambda: variables(OURS),
    "others": lambda: variables(OTHERS),
    "ways": lambda: plain_and_sh(OURS),
    "names": names,
    "texts": texts,
    "files": files,
}


def main():
    start = os.path.getsize(LOG) if os.path.exists(LOG) else 0
    cases = [c for name in sys.argv[4:] or SECTIONS for c in SECTIONS[name]()]
    for number, case in enumerate(cases):
        case.name(number)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(Case.go, cases))
    log, end = [], time.monotonic() + 3
    while GOVERNED and time.monotonic() < end:
        with open(LOG, errors="replace") as f:
            f.seek(start)
            log = [line for line in f if "case-" in line]
        if not any((c.wrong(log) or "").startswith("told") for c in cases):
            break
        time.sleep(0.05)
    for case in cases:
        why = case.wrong(log)
        print("not ok %s: %s; %s" % (case.text, why, repr((case.out[:100], case.err[-300:]))) if why else "ok " + case.text)


main()
