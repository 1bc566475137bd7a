// h2 - an HTTP/2 server by ALPN, behind the address of world.py that speaks nothing else. usage: h2.js DIR
const fs = require('fs'), dir = process.argv[2];
const server = require('http2').createSecureServer({
	key: fs.readFileSync(dir + '/key.pem'), cert: fs.readFileSync(dir + '/cert.pem') });
server.on('sessionError', () => {});
server.on('stream', (stream, headers) => {
	const path = headers[':path'];
	fs.appendFileSync(dir + '/reached', `203.0.113.12 443 h2 ${path} ${headers[':authority']}\n`);
	stream.on('error', () => {});
	stream.respond({ ':status': 200 });
	if (path === '/echo')
		stream.pipe(stream);
	else
		stream.end('hello from h2\n');
});
server.listen(8443, '127.0.0.1');
