/** Shapes of what a Docker engine answers, as far as it is read. Loose: more may be there. */
import * as z from "zod";

export type Schema<T> = z.ZodType<T>;

export const VersionSchema: z.ZodType<EngineVersion> = z.looseObject({
  ApiVersion: z.string(),
  Version: z.string(),
  Os: z.string(),
  Arch: z.string(),
  Components: z.array(z.looseObject({ Name: z.string() })).nullish(),
});
export interface EngineVersion {
  readonly ApiVersion: string;
  readonly Version: string;
  readonly Os: string;
  readonly Arch: string;
  readonly Components?: readonly { readonly Name: string }[] | null | undefined;
}

export const InfoSchema: z.ZodType<EngineInfo> = z.looseObject({
  Driver: z.string(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  SystemTime: z.string().optional(),
  SecurityOptions: z.array(z.string()).nullish(),
});
export interface EngineInfo {
  readonly Driver: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null | undefined;
  readonly SystemTime?: string | undefined;
  readonly SecurityOptions?: readonly string[] | null | undefined;
}

export const ErrorSchema: z.ZodType<{ readonly message: string }> = z.looseObject({ message: z.string() });

export const CreatedSchema: z.ZodType<{ readonly Id: string }> = z.looseObject({ Id: z.string() });

export const ContainerSchema: z.ZodType<ContainerDetails> = z.looseObject({
  State: z.looseObject({
    Status: z.string(),
    ExitCode: z.number(),
    OOMKilled: z.boolean().optional(),
    Error: z.string().optional(),
  }),
  GraphDriver: z.looseObject({ Data: z.record(z.string(), z.string()).nullish() }).nullish(),
});
export interface ContainerDetails {
  readonly State: {
    /** `created`, `running`, `exited`, `dead`; of Podman also `stopped`. */
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled?: boolean | undefined;
    readonly Error?: string | undefined;
  };
  readonly GraphDriver?: { readonly Data?: Readonly<Record<string, string>> | null | undefined } | null | undefined;
}

const LabelsSchema = z.record(z.string(), z.string()).nullish();

export const ContainersSchema: z.ZodType<readonly LabelledContainer[]> = z.array(
  z.looseObject({
    Id: z.string(),
    ImageID: z.string().optional(),
    Names: z.array(z.string()).nullish(),
    Labels: LabelsSchema,
  }),
);
export interface LabelledContainer {
  readonly Id: string;
  readonly ImageID?: string | undefined;
  /** Docker's begin with a slash. */
  readonly Names?: readonly string[] | null | undefined;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
}

export const ImagesSchema: z.ZodType<readonly LabelledImage[]> = z.array(
  z.looseObject({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Created: z.number(),
    Labels: LabelsSchema,
  }),
);
export interface LabelledImage {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null | undefined;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
}

export const ImageDetailsSchema: z.ZodType<ImageDetails> = z.looseObject({
  Id: z.string(),
  RootFS: z.looseObject({ Layers: z.array(z.string()).nullish() }).nullish(),
});
export interface ImageDetails {
  readonly Id: string;
  /** DiffIDs, base layer first. */
  readonly RootFS?: { readonly Layers?: readonly string[] | null | undefined } | null | undefined;
}

export const VolumeSchema: z.ZodType<EngineVolume> = z.looseObject({
  Name: z.string(),
  Mountpoint: z.string(),
  CreatedAt: z.string().optional(),
  Labels: LabelsSchema,
});
export interface EngineVolume {
  readonly Name: string;
  /** On the engine's machine. */
  readonly Mountpoint: string;
  /** RFC 3339. */
  readonly CreatedAt?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
}

export const VolumesSchema: z.ZodType<{ readonly Volumes?: readonly EngineVolume[] | null | undefined }> =
  z.looseObject({ Volumes: z.array(VolumeSchema).nullish() });

/** Of `/system/df`. */
export const UsageSchema: z.ZodType<{ readonly Volumes?: readonly VolumeUsage[] | null | undefined }> = z.looseObject({
  Volumes: z
    .array(z.looseObject({ Name: z.string(), UsageData: z.looseObject({ Size: z.number() }).nullish() }))
    .nullish(),
});
export interface VolumeUsage {
  readonly Name: string;
  /** Bytes; -1 where the engine does not know. */
  readonly UsageData?: { readonly Size: number } | null | undefined;
}

/** What each layer of an image takes, the newest first. */
export const HistorySchema: z.ZodType<readonly { readonly Size: number }[]> = z.array(
  z.looseObject({ Size: z.number() }),
);

export const ChangesSchema: z.ZodType<readonly EngineChange[] | null> = z.nullable(
  z.array(z.looseObject({ Path: z.string(), Kind: z.number() })),
);
export interface EngineChange {
  /** Absolute. */
  readonly Path: string;
  /** 0 changed, 1 added, 2 deleted. */
  readonly Kind: number;
}

/** `meta.json` of a Docker context. */
export const ContextSchema: z.ZodType<DockerContext> = z.looseObject({
  Endpoints: z.looseObject({
    docker: z.looseObject({ Host: z.string(), SkipTLSVerify: z.boolean().optional() }).optional(),
  }),
});
export interface DockerContext {
  readonly Endpoints: {
    readonly docker?: { readonly Host: string; readonly SkipTLSVerify?: boolean | undefined } | undefined;
  };
}

/** The part of `config.json` that names a context. */
export const ClientConfigSchema: z.ZodType<{ readonly currentContext?: string | undefined }> = z.looseObject({
  currentContext: z.string().optional(),
});
