# package.json scripts, a symlinked bin, a postinstall of a local package
set -e
cd /tmp/w
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
mkdir -p tool app
printf '{"name":"tool","version":"1.0.0","bin":{"tool":"cli.js"},"scripts":{"postinstall":"sh -c \\"echo postinstall > stamp\\""}}' >tool/package.json
printf '#!/usr/bin/env node\nconsole.log("tool", process.argv.slice(2).join(","))\n' >tool/cli.js
chmod +x tool/cli.js
cd app
printf '{"name":"app","version":"1.0.0","scripts":{"prebuild":"echo pre","build":"node -e \\"console.log(process.env.npm_lifecycle_event)\\"","use":"tool a b","fail":"exit 3"},"dependencies":{"tool":"file:../tool"}}' >package.json
npm install --offline --silent >/dev/null
npm run -s build
npm run -s use
npm run -s fail || echo "failed with $?"
node -e 'const {execFileSync, spawnSync} = require("child_process"); console.log(execFileSync("sh", ["-c", "echo nested; exit 0"]).toString().trim(), spawnSync("false").status)'
node -e 'const {Worker} = require("worker_threads"); new Worker("require(\"worker_threads\").parentPort.postMessage(42)", {eval: true}).on("message", m => console.log(m))'
node -e 'const h = require("http"); const s = h.createServer((q, r) => r.end("served")); s.listen(0, "127.0.0.1", () => h.get({port: s.address().port, host: "127.0.0.1"}, r => { r.on("data", d => console.log(String(d))); r.on("end", () => s.close()) }))'
