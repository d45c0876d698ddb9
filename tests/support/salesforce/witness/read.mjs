// Reads an organisation with jsforce, which we did not write, and prints what it found as JSON.
// node read.mjs ADDRESS TOKEN OBJECT…
import jsforce from "jsforce";

const [address, token, ...objects] = process.argv.slice(2);
const connection = new jsforce.Connection({ instanceUrl: address, accessToken: token, version: "62.0" });
connection.bulk2.pollInterval = 50;
connection.bulk2.pollTimeout = 60000;

async function collected(stream) {
  const rows = [];
  return new Promise((resolve, reject) => {
    stream.on("record", (row) => rows.push(row)).on("error", reject).on("end", () => resolve(rows));
  });
}

const found = {};
const shown = await connection.describeGlobal();
found.objects = shown.sobjects.map((o) => o.name);
found.limits = await connection.request("/limits");
for (const name of objects) {
  const description = await connection.describe(name);
  const soql = `SELECT Id, SystemModstamp FROM ${name} ORDER BY Id`;
  const rest = await connection.query(soql, { autoFetch: true, maxFetch: 1000000 });
  const unordered = `SELECT Id, SystemModstamp FROM ${name}`;
  const bulk = name === "WorkOrderFeed" ? null : await collected(await connection.bulk2.query(unordered));
  found[name] = {
    fields: description.fields.map((f) => f.name),
    total: rest.totalSize,
    rest: rest.records.map((r) => r.Id),
    bulk: bulk && bulk.map((r) => r.Id),
    count: (await connection.query(`SELECT count() FROM ${name}`)).totalSize,
  };
}
console.log(JSON.stringify(found));
