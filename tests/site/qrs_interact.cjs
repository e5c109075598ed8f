// Calls the site with the npm package qrs-interact. Standard input has its configuration and the calls, standard output gets their results.
const { readFileSync } = require("node:fs");
const QrsInteract = require("qrs-interact");

async function main() {
  const [configuration, calls] = JSON.parse(readFileSync(0));
  const qrs = new QrsInteract(configuration);
  const results = [];
  for (const [verb, ...words] of calls) {
    results.push(await qrs[verb](...words).catch((error) => ({ error: error.message })));
  }
  process.stdout.write(JSON.stringify(results));
}

main();
