// h2get - one page over HTTP/2 and one echo, through a proxy or not. usage: h2get.js CA [PROXY-HOST:PORT]
const tls = require('tls'), net = require('net'), http2 = require('http2'), ca = require('fs').readFileSync(process.argv[2]);
const host = 'pypi-files.test', via = process.argv[3];

function fail(e) {
	console.log(`fails: ${e}`);
	process.exit(1);
}
function speak(socket) {
	const options = { host, port: 443, servername: host, ca, ALPNProtocols: ['h2'] };
	const secure = tls.connect(socket ? { ...options, socket } : options, () => {
		const client = http2.connect(`https://${host}`, { createConnection: () => secure }).on('error', fail);
		const ask = (headers, body, then) => {
			const stream = client.request(headers, { endStream: !body }).on('error', fail);
			let text = '';
			stream.on('data', (d) => { text += d; }).on('end', () => then(text));
			if (body)
				stream.end(body);
		};
		ask({ ':path': '/row-1' }, '', (hello) =>
			ask({ ':path': '/echo', ':method': 'POST' }, 'x'.repeat(100000), (echo) => {
				console.log(`${hello.trim()} ${secure.alpnProtocol} ${echo.length}`);
				process.exit(0);
			}));
	}).on('error', fail);
}
if (via) {
	const [to, port] = via.split(':'), socket = net.connect(port, to, () =>
		socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`));
	socket.once('data', (d) => (/^HTTP\/1.1 200/.test(d) ? speak(socket) : fail(d))).on('error', fail);
} else {
	speak();
}
