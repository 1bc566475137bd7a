// client - the rows of node: http and https, fetch (undici), and its own resolver with a socket. usage: client.js CA
const http = require('http'), https = require('https'), net = require('net'), tls = require('tls'), fs = require('fs');
const dns = new (require('dns').promises.Resolver)({ timeout: 1500, tries: 1 }), ca = fs.readFileSync(process.argv[2]);
const rows = JSON.parse(fs.readFileSync(0, 'utf8'));

function why(e) {
	while (e.cause || (e.errors && e.errors[0]))
		e = e.cause || e.errors[0];
	if (e.syscall === 'getaddrinfo' || /^query/.test(e.syscall || ''))
		return 'name';
	if (/ALERT|EPROTO|alert/.test(e.code + e.message))
		return 'alert';
	if (/ECONNRESET|UND_ERR_SOCKET|EPIPE/.test(e.code || ''))
		return 'closed';
	return e.code || e.message;
}
function text_of(stream) {
	return new Promise((resolve, reject) => {
		let text = '';
		stream.on('data', (d) => { text += d; }).on('end', () => resolve(text)).on('error', reject);
	});
}
const judge = (text, status) => text.includes('hello from') ? [true, 'hello'] : [false, String(status || 'closed')];
const clients = {
	'node-http': (row) => new Promise((resolve, reject) => {
		const kind = row.url.startsWith('https') ? https : http;
		kind.get(`${row.url}/row-${row.id}`, { ca, timeout: 15000 }, (r) =>
			text_of(r).then((t) => resolve(judge(t, r.statusCode)), reject))
			.on('error', reject).on('timeout', () => reject(new Error('hung')));
	}),
	'node-fetch': async (row) => {
		const r = await fetch(`${row.url}/row-${row.id}`, { signal: AbortSignal.timeout(15000) });
		return judge(await r.text(), r.status);
	},
	'node-dns': async (row) => {
		const [address] = await dns.resolve4(row.host);
		const s = row.port === 443 ? tls.connect({ host: address, port: 443, servername: row.host, ca }) :
			net.connect(row.port, address);
		s.write(`GET /row-${row.id} HTTP/1.1\r\nHost: ${row.host}\r\nConnection: close\r\n\r\n`);
		const text = await text_of(s);
		return judge(text, (text.match(/^HTTP\/1.1 (\d+)/) || [])[1]);
	},
};

async function attempt(row) {
	let found;
	const from = Date.now();
	try {
		found = await clients[row.client](row);
	} catch (e) {
		found = [false, why(e)];
	}
	console.log(JSON.stringify({ id: row.id, reached: found[0], how: found[1], ms: Date.now() - from }));
}
async function some() {
	while (rows.length)
		await attempt(rows.shift());
}
Promise.all([...Array(8)].map(some)).then(() => process.exit(0));
