// Opens an export as a node.js service would, dials a server with it and prints what came back.
// node export.mjs FOLDER PASSWORD PORT SERVERNAME
import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";

const [folder, passphrase, port, servername] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name));
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE-----\n`;

const windows = existsSync(join(folder, "client.pfx"));
const ca = windows ? pem(read("root.cer")) : read("root.pem");
const pair = (name) => (windows ? { pfx: read(`${name}.pfx`), passphrase } : { cert: read(`${name}.pem`), key: read(`${name}_key.pem`), passphrase });
tls.createSecureContext({ ca, ...pair("server") });
const socket = tls.connect({ host: "127.0.0.1", port: Number(port), servername, ca, ...pair("client") });
socket.on("data", (data) => {
  process.stdout.write(data);
  socket.end();
});
