import { layers } from "./layers.ts";

const units = Object.keys(layers);

/** Units that run in workerd: nothing of Node, no ambient clock or randomness. */
const workerUnits = units.filter((unit) => !["processes", "client", "agent", "dev", "cli"].includes(unit));

const ambient = "inject it from base/ so that tests can decide it";
const ambientProperties = [
  { object: "Math", property: "random", message: `Use base/random.ts: ${ambient}.` },
  { object: "Date", property: "now", message: `Use base/clock.ts: ${ambient}.` },
  { object: "crypto", property: "randomUUID", message: `Use base/random.ts: ${ambient}.` },
];

interface Pattern {
  readonly regex: string;
  readonly message: string;
}

/** One import of zod the wrong way brings half a megabyte of its messages into the control Worker. */
const zodElsewhere: Pattern = { regex: "^zod(/|$)", message: "Schemas are made of the building blocks in model/schema.ts." };

/** oxlint's regexes know no look-ahead, so what a unit may not import is listed instead of what it may. */
function importPatterns(unit: string): Pattern[] {
  const allowed = layers[unit] ?? [];
  const banned = units.filter((other) => other !== unit && !allowed.includes(other));
  const message = `${unit} may import only: ${allowed.join(", ") || "nothing"} (layers.ts).`;
  const patterns = banned
    .filter((other) => !allowed.some((name) => name.startsWith(`${other}/`)) && !unit.startsWith(`${other}/`))
    .map((other) => ({ regex: `^#${other}/`, message }));
  for (const parent of units.filter((other) => unit.startsWith(`${other}/`) && !allowed.includes(other))) {
    patterns.push({ regex: `^#${parent}/[^/]+$`, message });
  }
  patterns.push({
    regex: "^(\\.\\./)+(src|base|ir|model|telemetry|tunnel|proxy|instances|control|processes|agent|client|dev|cli)/",
    message: "Write an import of another unit as #unit/file.ts.",
  });
  if (workerUnits.includes(unit)) patterns.push({ regex: "^node:", message: `${unit} runs in workerd: nothing of Node.` });
  if (unit.startsWith("proxy") || unit === "ir" || unit === "telemetry") {
    patterns.push({ regex: "^(hono|yaml)(/|$)", message: "The proxy's bundle carries no hono or yaml." });
  }
  return patterns;
}

export default {
  plugins: ["typescript", "import", "oxc", "unicorn"],
  categories: { correctness: "error" },
  ignorePatterns: ["dist/**", "node_modules/**", "test/fixtures/**"],
  rules: {
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-default-export": "error",
    "oxc/no-barrel-file": "error",
    "typescript/no-floating-promises": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/explicit-module-boundary-types": "error",
    "no-console": "error",
    "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
    "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
    "max-params": ["error", { max: 3 }],
    "no-restricted-properties": ["error", ...ambientProperties],
    "unicorn/no-thenable": "off",
  },
  overrides: [
    ...units.map((unit) => ({
      files: [`src/${unit}/**`],
      rules: { "no-restricted-imports": ["error", { patterns: [...importPatterns(unit), zodElsewhere] }] },
    })),
    { files: ["src/model/schema.ts"], rules: { "no-restricted-imports": ["error", { patterns: importPatterns("model") }] } },
    // Beside the resources' schemas, those of the document about our own API.
    { files: ["src/control/api/openapi/**"], rules: { "no-restricted-imports": ["error", { patterns: importPatterns("control") }] } },
    ...workerUnits
      .filter((unit) => unit !== "base")
      .map((unit) => ({
        files: [`src/${unit}/**`],
        rules: { "no-restricted-globals": ["error", "process", "Buffer", "setInterval"] },
      })),
    { files: ["src/base/**"], rules: { "no-restricted-properties": "off" } },
    {
      files: ["src/**/worker.ts", "src/dev/workers/**", "src/proxy/isolate.ts", "*.config.ts"],
      rules: { "import/no-default-export": "off" },
    },
    { files: ["src/dev/**", "src/cli/**", "scripts/**", "examples/**", "bench/**"], rules: { "no-restricted-properties": "off" } },
    {
      files: ["test/**"],
      rules: {
        "max-lines-per-function": "off",
        "max-params": "off",
        "no-console": "off",
        "no-restricted-properties": "off",
        "typescript/explicit-module-boundary-types": "off",
      },
    },
    { files: ["src/**/generated/**"], rules: { "max-lines": "off" } },
  ],
};
