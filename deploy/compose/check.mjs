// Holds docker-compose.yml against the compose specification's JSON schema. Run by `cargo xtask tidy`.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2019.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

const [schemaFile, composeFile] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(schemaFile, "utf8"));
delete schema.$schema;
// The published schema names its parts the way of draft 4; the references do not need it.
const unname = (part) => {
  if (typeof part !== "object" || part === null) return;
  if (typeof part.id === "string") delete part.id;
  Object.values(part).forEach(unname);
};
unname(schema);
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addFormat("ports", true).addFormat("expose", true).addFormat("duration", true).addFormat("subnet_ip_address", true);
const validate = ajv.compile(schema);
const compose = parse(readFileSync(composeFile, "utf8"), { merge: true });
if (!validate(compose)) {
  for (const error of validate.errors) console.error(`docker-compose.yml${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`);
  process.exit(1);
}
