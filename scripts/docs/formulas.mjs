// Every formula of the site is one that KaTeX can set:  node formulas.mjs KATEX SITE
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, site] = process.argv.slice(2);
const katex = createRequire(import.meta.url)(resolve(folder, "katex.min.js"));
const text = (html) =>
  html.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&amp;/g, "&");
let seen = 0;
for (const name of readdirSync(site, { recursive: true }).filter((n) => n.endsWith(".html"))) {
  const page = readFileSync(join(site, name), "utf8");
  for (const [, formula] of page.matchAll(/class="arithmatex">\\[([]([\s\S]*?)\\[)\]]<\//g)) {
    try {
      katex.renderToString(text(formula), { throwOnError: true, strict: "error" });
    } catch (error) {
      throw new Error(`${name}: ${error.message}\n${formula}`);
    }
    seen += 1;
  }
}
if (seen === 0) throw new Error("there are no formulas");
console.log(`docs: ${seen} formulas`);
