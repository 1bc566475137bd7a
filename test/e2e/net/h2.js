// h2 - HTTP/2 through the proxy: h2.js PROXY_PORT DIR. Serves on 192.0.2.10:8444 and asks itself by CONNECT.
const [port, dir] = process.argv.slice(2);
const fs = require('fs'), http = require('http'), http2 = require('http2'), tls = require('tls');
const server = http2.createSecureServer({ key: fs.readFileSync(dir + '/key.pem'), cert: fs.readFileSync(dir + '/cert.pem') });
server.on('stream', (stream) => { stream.respond({ ':status': 200 }); stream.end('two from ' + stream.session.alpnProtocol); });
const fail = (e) => { console.log(String(e)); process.exit(1); };
server.listen(8444, '192.0.2.10', () => {
	http.request({ host: '127.0.0.1', port, method: 'CONNECT', path: 'allowed.test:8444' }).on('connect', (answer, socket) => {
		if (answer.statusCode !== 200)
			fail(answer.statusCode);
		const session = http2.connect('https://allowed.test:8444', {
			createConnection: () => tls.connect({ socket, servername: 'allowed.test', ALPNProtocols: ['h2'],
				ca: fs.readFileSync(dir + '/ca.pem') }),
		}).on('error', fail);
		let text = '';
		session.request({ ':path': '/' }).on('data', (d) => { text += d; }).on('end', () => {
			console.log(text);
			process.exit(0);
		});
	}).on('error', fail).end();
});
