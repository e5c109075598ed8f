// Read the data connections on a registered node with node.js alone: one JSON object a line, its password opened.
//   node docs/read-connections.mjs HOME CENTRAL_ADDRESS PORT CENTRAL_HOST_NAME      (HOME is the agent's)
import { createDecipheriv, createHmac, createPrivateKey, privateDecrypt, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import https from "node:https";

const [home, host, port, servername] = process.argv.slice(2);
const exported = (name) => readFileSync(`${home}/Exported Certificates/.Local Certificates/${name}.pem`);
// A service certificate carries the database key and its algorithm, encrypted to its own key. During a rotation there are several.
const kept = readdirSync(`${home}/service-pairs`).map((folder) => readFileSync(`${home}/service-pairs/${folder}/service.pem`));
const keys = new Map();
for (const [key, certificate] of [[exported("server_key"), exported("server")], ...kept.map((pem) => [pem, pem])]) {
  const own = createPrivateKey(key), der = new X509Certificate(certificate).raw, size = own.asymmetricKeyDetails.modulusLength / 8;
  const [opened, algorithm] = [1, 2].map((last) => { // 1.3.6.1.5.5.7.13.<last>, unless the site has chosen other OIDs
    let at = der.indexOf(Buffer.from(`06082b06010505070d0${last}`, "hex")) + 10;
    for (const _ of ["of the extension", "within"]) at += 2 + (der[at + 1] > 128 ? der[at + 1] - 128 : 0); // into the OCTET STRING
    return privateDecrypt({ key: own, oaepHash: "sha256" }, der.subarray(at, at + size));
  });
  if (algorithm.toString() !== "AES-256-GCM") throw new Error(`The algorithm ${algorithm} is not known here.`);
  keys.set(createHmac("sha256", opened).update("qmc-key-id").digest("hex").slice(0, 16), opened);
}
const open = (id, sealed) => { // key id (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16), bound to its table, column and row
  const key = keys.get(sealed.toString("hex", 0, 8));
  if (!key) throw new Error("sealed with a database key that is not at hand here");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(8, 20), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(`nodes_connection\0password\0${id}`)).setAuthTag(sealed.subarray(20).subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(20, -16)), decipher.final()]).toString();
};
const tls = { host, port, servername, ca: exported("root"), cert: exported("client"), key: exported("client_key") };
const ask = (path) => new Promise((done, failed) => https.get({ ...tls, path, headers: { host: servername } }, async (answer) => {
  const text = Buffer.concat(await answer.toArray()).toString();
  answer.statusCode === 200 ? done(JSON.parse(text)) : failed(new Error(text));
}).on("error", failed));
for (let page = { next: "" }; page.next !== null;) {
  page = await ask(`/api/v1/connections/${page.next && `?after=${page.next}`}`);
  for (const row of page.results) {
    const sealed = row.password && Buffer.from(row.password, "base64");
    try { row.password = sealed && open(row.id, sealed); } catch (error) { Object.assign(row, { password: null, problem: error.message }); }
    console.log(JSON.stringify(row));
  }
}
