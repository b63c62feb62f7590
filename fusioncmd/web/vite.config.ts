/* Two pages from one folder, each built by itself: `vite build --mode responder`, `vite build --mode console`.
 *
 * Each gets a folder of its own in dist/, and its own share of Vue: what the console needs makes no phone wait. Every
 * text file of at least 1 KB has its gzip beside it, so that whoever serves them compresses nothing.
 */

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";

const PAGES = ["responder", "console"];
const TEXT = /\.(html|js|css|json|svg|webmanifest|geojson)$/;
const GZIP_BYTES_MIN = 1024;

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}

/* FILE.gz beside FILE. */
function precompressed(folder: string): Plugin {
  return {
    name: "precompressed",
    closeBundle() {
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
    plugins: [vue(), precompressed(folder)],
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
