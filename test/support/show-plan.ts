/** A plan as text that a person can check against its Dockerfile: stages in build order, what each step does, the config. */
import type {
  BuildPlan,
  CopyStep,
  FileSource,
  PlannedMount,
  PlannedStage,
  RunStep,
  Step,
} from "../../src/plan/build-plan.js";

export function showPlan(plan: BuildPlan): string {
  const stages = plan.stages.map(showStage);
  const targets = plan.targets.map(({ stage, platform }) => `target: ${stage} for ${platformText(platform)}`);
  return `${[...stages, targets.join("\n")].join("\n\n")}\n`;
}

function showStage({ id, name, base, steps, config: { config, ...platform } }: PlannedStage): string {
  const of =
    base.kind === "image" ? `image ${base.reference}` : base.kind === "stage" ? `stage ${base.stage}` : base.kind;
  return [
    `stage ${id}${name === undefined ? "" : ` (${name})`} from ${of}`,
    ...steps.flatMap((step) => showStep(step).map((line, index) => (index === 0 ? `  ${line}` : `      ${line}`))),
    `  = ${platformText(platform)}${platform.author === undefined ? "" : ` by ${platform.author}`}`,
    ...Object.entries(config).map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`),
  ].join("\n");
}

function platformText({ os, architecture, variant }: { os: string; architecture: string; variant?: string }): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** The history line, then what it does not say. */
function showStep(step: Step): string[] {
  const head = `${step.kind.padEnd(7)} ${step.createdBy.replaceAll("\n", "\\n").replaceAll("\t", "\\t")}`;
  if (step.kind === "copy") return [head, ...copyDetails(step)];
  if (step.kind === "run") return [head, ...runDetails(step)];
  if (step.kind === "workdir" && step.user !== "") return [head, `user ${step.user}`];
  return [head];
}

function sourceText(from: FileSource): string {
  switch (from.kind) {
    case "stage":
      return `stage ${from.stage}`;
    case "image":
      return `image ${from.reference}`;
    default:
      return from.kind;
  }
}

function copyDetails(step: CopyStep): string[] {
  const sources = step.sources.map((source) => {
    switch (source.kind) {
      case "path":
        return source.unpack ? `${source.pattern} (unpacked)` : source.pattern;
      case "inline":
        return `inline ${source.name} ${JSON.stringify(source.content)}`;
      default:
        return JSON.stringify(source);
    }
  });
  const flags = [
    ...(step.link ? ["link"] : []),
    ...(step.parents ? ["parents"] : []),
    ...step.exclude.map((pattern) => `without ${pattern}`),
  ];
  return [
    `from ${sourceText(step.from)}: ${sources.join(" ")} → ${step.destination}${flags.length === 0 ? "" : ` (${flags.join(", ")})`}`,
  ];
}

function runDetails(step: RunStep): string[] {
  return [
    `in ${step.cwd}${step.user === "" ? "" : ` as ${step.user}`}, network ${step.network}, ${step.security}`,
    `env ${step.env.join(" ")}`,
    ...step.mounts.map(mountText),
    ...step.files.map(({ path, content }) => `file ${path} ${JSON.stringify(content)}`),
  ];
}

function mountText(mount: PlannedMount): string {
  const shown = Object.entries(mount).flatMap(([key, value]) => {
    if (value === undefined || key === "type") return [];
    return [
      `${key}=${key === "from" ? sourceText(value as FileSource).replaceAll(" ", ",") : key === "mode" ? Number(value).toString(8) : value}`,
    ];
  });
  return `mount ${mount.type} ${shown.join(" ")}`;
}
