/* Two pages from one folder, each built by itself: `vite build --mode responder`, `vite build --mode console`.
 *
 * Each gets a folder of its own in dist/, and its own share of Vue: what the console needs makes no phone wait. Every
 * text file of at least 1 KB has its gzip beside it, so that whoever serves them compresses nothing.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import { defineConfig, transformWithEsbuild, type Plugin } from "vite";

const PAGES = ["responder", "console"];
const TEXT = /\.(html|js|css|json|svg|webmanifest|geojson)$/;
const GZIP_BYTES_MIN = 1024;

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}

/* The service worker, beside the page whose files it keeps: one script without imports, as every browser takes it. */
async function writeServiceWorker(folder: string): Promise<void> {
  const names = filesIn(folder).map((path) => relative(folder, path).replaceAll("\\", "/"));
  const hash = createHash("sha256");
  for (const name of names) hash.update(name).update(readFileSync(join(folder, name)));
  const source = join(import.meta.dirname, "responder", "sw.ts");
  const { code } = await transformWithEsbuild(readFileSync(source, "utf8").replace(/^export .*$/m, ""), source, {
    minify: true,
    define: {
      BUILD: JSON.stringify(hash.digest("hex").slice(0, 16)),
      FILES: JSON.stringify(names.map((name) => (name === "responder.html" ? "./" : `./${name}`))),
    },
  });
  writeFileSync(join(folder, "sw.js"), code);
}

/* What is made of the files of a page when they are there: FILE.gz beside FILE, and the phone's service worker. */
function finished(folder: string, mode: string): Plugin {
  return {
    name: "finished",
    async closeBundle() {
      if (mode === "responder") await writeServiceWorker(folder);
      for (const path of filesIn(folder).filter((file) => TEXT.test(file) && statSync(file).size >= GZIP_BYTES_MIN)) {
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

export default defineConfig(({ mode }) => {
  if (!PAGES.includes(mode)) throw new Error(`--mode is one of ${PAGES.join(", ")}`);
  const folder = join(import.meta.dirname, "dist", mode);
  return {
    root: import.meta.dirname,
    base: "./",
    publicDir: join(mode, "public"),
    plugins: [vue(), finished(folder, mode)],
    worker: { format: "es" },
    define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: "es2020", // older browsers must read enough of it to be told what they lack
      assetsInlineLimit: 0, // the Content-Security-Policy allows no data: URLs
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rollupOptions: { input: join(import.meta.dirname, `${mode}.html`) },
    },
  };
});
