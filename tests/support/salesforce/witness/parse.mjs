// Says of each query on the standard input, a JSON list, whether a SOQL parser that we did not write takes it.
import { readFileSync } from "node:fs";
import { isQueryValid } from "@jetstreamapp/soql-parser-js";

const queries = JSON.parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify(queries.map((q) => isQueryValid(q))));
