# packages from local archives: bundled trees, links to programs, scripts that run at installation; again, and away
set -e
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false npm_config_cache=$PWD/cache
python3 - <<'P'
import gzip, io, json, tarfile
def pack(name, bundled):
    with gzip.GzipFile(f"{name}.tgz", "wb", mtime=0) as z, tarfile.open(fileobj=z, mode="w") as t:
        def put(path, text, mode=0o644):
            i = tarfile.TarInfo("package/" + path)
            i.size, i.mode, i.mtime = len(text), mode, 499162500
            t.addfile(i, io.BytesIO(text.encode()))
        place = ""
        chain = [name] + [f"{name}-{k}" for k in range(bundled)]
        for k, each in enumerate(chain):
            j = {"name": each, "version": "1.0.0", "bin": {each: "cli.js"}, "main": "index.js"}
            if k + 1 < len(chain):
                j.update(dependencies={chain[k + 1]: "1.0.0"}, bundleDependencies=[chain[k + 1]])
            if not k:
                j["scripts"] = {"postinstall": "node -e \"require('fs').writeFileSync('stamp', 'made')\""}
            put(place + "package.json", json.dumps(j))
            put(place + "cli.js", "#!/usr/bin/env node\nconsole.log(require('./index.js'))\n", 0o755)
            deeper = f" + require('{chain[k + 1]}')" if k + 1 < len(chain) else ""
            put(place + "index.js", f"module.exports = '{each} '{deeper}\n")
            for f in range(6):
                put(place + f"lib/part{f}/index.js", f"module.exports = {f}\n" * 20)
            if k + 1 < len(chain):
                place += f"node_modules/{chain[k + 1]}/"
names = [f"pkg{n}" for n in range(12)]
for n, name in enumerate(names):
    pack(name, 6 if n % 3 == 0 else 1)
json.dump({"name": "app", "version": "1.0.0", "dependencies": {n: f"file:{n}.tgz" for n in names},
           "scripts": {"use": "pkg0 && pkg1"}}, open("package.json", "w"))
P
npm install --offline --silent 2>&1 | head -5
npm run -s use && npm ls --all 2>/dev/null | sha256sum && find node_modules/.bin | wc -l && readlink node_modules/.bin/pkg3
npm uninstall --offline --silent pkg5 && find node_modules | wc -l
npm ci --offline --silent 2>&1 | head -5; npm run -s use
find . -name node_modules -prune -o -name cache -prune -o -type f -print | sort
rm -rf cache
