// Turns the code of an action into its function: source text, or a zip with package.json or index.js at its root.
"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const vm = require("node:vm");
const { unzipSync } = require("fflate");

const identifierPath = /^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/;

/**
 * `{ main, code, binary }` → the function to call. Throws when the code does not load or has no such function; the
 * container is then of no use.
 */
exports.loadAction = async ({ main, code, binary }) => {
	if (!identifierPath.test(main)) throw new Error(`The main function '${main}' is not a dotted name.`);
	const found = binary ? loadZip(Buffer.from(code, "base64"), main) : loadText(code, main);
	if (typeof found !== "function") throw new Error(`Action entrypoint '${main}' is not a function.`);
	return found;
};

function loadText(code, main) {
	// A top-level `main` wins; code written as a module falls back to its exports.
	const wrapper = `(function (require, module, exports) { ${code}
;try { return ${main}; } catch (error) { if (!(error instanceof ReferenceError)) throw error; return undefined; } })`;
	const action = { exports: {} };
	const found = new vm.Script(wrapper, { filename: "action.js" }).runInThisContext()(
		createRequire(__filename),
		action,
		action.exports,
	);
	return found ?? property(action.exports, main.split("."));
}

// A method found this way is called without its object, as in OpenWhisk.
function property(object, names) {
	return names.reduce((owner, name) => owner?.[name], object);
}

function loadZip(bytes, main) {
	if (bytes.length < 4 || bytes.readUInt32BE(0) !== 0x504b0304) throw new Error("The archive is not a zip file.");
	const folder = fs.mkdtempSync(path.join(process.cwd(), "action-"));
	extract(bytes, folder);
	process.chdir(folder);
	if (!fs.existsSync("package.json") && !fs.existsSync("index.js"))
		throw new Error("Zipped actions must contain either package.json or index.js at the root.");
	const names = main.split(".");
	// `main` is a function of the package; `file.fn` and `file.object.fn` name a file of the archive first.
	const module = names.length === 1 ? folder : path.join(folder, names.shift());
	return property(require(module), names);
}

function extract(bytes, folder) {
	for (const [name, content] of Object.entries(unzipSync(bytes))) {
		const target = path.resolve(folder, name);
		if (target !== folder && !target.startsWith(folder + path.sep))
			throw new Error(`The archive holds '${name}', which is outside of its folder.`);
		if (name.endsWith("/")) fs.mkdirSync(target, { recursive: true });
		else {
			fs.mkdirSync(path.dirname(target), { recursive: true });
			fs.writeFileSync(target, content);
		}
	}
}
