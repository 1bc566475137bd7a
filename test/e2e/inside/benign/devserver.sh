# a development server in the background, used and ended from the same shell
cd /tmp/w && echo page >index.html
python3 -m http.server --bind 127.0.0.1 8456 >/dev/null 2>&1 & p=$!
for i in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/8456) 2>/dev/null && break; sleep 0.05; done
python3 -c 'import urllib.request, urllib.error
print(urllib.request.urlopen("http://127.0.0.1:8456/").read())
try: urllib.request.urlopen("http://127.0.0.1:8456/none")
except urllib.error.HTTPError as e: print(e.code)'
python3 -c "import os; os.kill($p, 15)"; wait $p; echo $?
