# a development server in the background, used and ended from the same shell
cd /tmp/w && echo page >index.html
python3 -m http.server --bind 127.0.0.1 8456 >/dev/null 2>&1 & p=$!
for i in $(seq 200); do curl -sf http://127.0.0.1:8456/ && break; sleep 0.05; done
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8456/none
python3 -c "import os; os.kill($p, 15)"; wait $p; echo $?
