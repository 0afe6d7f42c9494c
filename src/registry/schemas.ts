/** Shapes of what registries, token servers, credential helpers and Docker's configuration say. Loose: more may be there. */
import * as z from "zod";

/** @spec distribution-spec#error-codes */
export const ErrorBodySchema: z.ZodType<ErrorBody> = z.looseObject({
  errors: z.array(z.looseObject({ code: z.string().optional(), message: z.string().optional() })).min(1),
});
export interface ErrorBody {
  readonly errors: readonly { readonly code?: string | undefined; readonly message?: string | undefined }[];
}

/** Reply of a token server; either name may carry the token. */
export const TokenReplySchema: z.ZodType<TokenReply> = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
  refresh_token: z.string().optional(),
});
export interface TokenReply {
  readonly token?: string | undefined;
  readonly access_token?: string | undefined;
  /** Seconds. */
  readonly expires_in?: number | undefined;
  /** Where `offline_token` was asked for. */
  readonly refresh_token?: string | undefined;
}

const AuthEntrySchema = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});

/** The parts of Docker's `config.json` that concern credentials. */
export const DockerConfigSchema: z.ZodType<DockerConfig> = z.looseObject({
  auths: z.record(z.string(), AuthEntrySchema).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().optional(),
});
export interface DockerAuthEntry {
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
  readonly registrytoken?: string | undefined;
}
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuthEntry>> | null | undefined;
  readonly credHelpers?: Readonly<Record<string, string>> | null | undefined;
  readonly credsStore?: string | undefined;
}

/** What `docker-credential-NAME get` prints. */
export const HelperReplySchema: z.ZodType<HelperReply> = z.looseObject({ Username: z.string(), Secret: z.string() });
export interface HelperReply {
  readonly Username: string;
  readonly Secret: string;
}

/** @spec distribution-spec#listing-tags */
export const TagListSchema: z.ZodType<TagList> = z.looseObject({ tags: z.array(z.string()).nullable() });
export interface TagList {
  readonly tags: readonly string[] | null;
}

/** Reply to `/v2/_catalog`. */
export const CatalogSchema: z.ZodType<Catalog> = z.looseObject({ repositories: z.array(z.string()).nullable() });
export interface Catalog {
  readonly repositories: readonly string[] | null;
}

const RegistriesConfMirrorSchema = z.looseObject({
  location: z.string(),
  insecure: z.boolean().optional(),
  "pull-from-mirror": z.string().optional(),
});
export interface RegistriesConfMirror {
  readonly location: string;
  readonly insecure?: boolean | undefined;
  readonly "pull-from-mirror"?: string | undefined;
}

const RegistriesConfEntrySchema = z.looseObject({
  prefix: z.string().optional(),
  location: z.string().optional(),
  insecure: z.boolean().optional(),
  blocked: z.boolean().optional(),
  "mirror-by-digest-only": z.boolean().optional(),
  mirror: z.array(RegistriesConfMirrorSchema).optional(),
});
export interface RegistriesConfEntry {
  readonly prefix?: string | undefined;
  readonly location?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly blocked?: boolean | undefined;
  readonly "mirror-by-digest-only"?: boolean | undefined;
  readonly mirror?: readonly RegistriesConfMirror[] | undefined;
}

const Version1Schema = z.looseObject({ registries: z.array(z.string()).optional() });

/** The parts of `registries.conf` that concern registries, and what older files had in their place. */
export const RegistriesConfSchema: z.ZodType<RegistriesConf> = z.looseObject({
  registry: z.array(RegistriesConfEntrySchema).optional(),
  registries: z.looseObject({ insecure: Version1Schema.optional(), block: Version1Schema.optional() }).optional(),
});
export interface RegistriesConf {
  readonly registry?: readonly RegistriesConfEntry[] | undefined;
  readonly registries?:
    | {
        readonly insecure?: { readonly registries?: readonly string[] | undefined } | undefined;
        readonly block?: { readonly registries?: readonly string[] | undefined } | undefined;
      }
    | undefined;
}

/** Our own `registries.json`: strict, because an unknown word would do nothing. */
export const RegistriesFileSchema: z.ZodType<RegistriesFileDocument> = z.record(
  z.string(),
  z.strictObject({
    mirrors: z.array(z.string()).optional(),
    location: z.string().optional(),
    insecure: z.boolean().optional(),
    blocked: z.boolean().optional(),
    ca: z.string().optional(),
    cert: z.string().optional(),
    key: z.string().optional(),
  }),
);
export type RegistriesFileDocument = Readonly<
  Record<
    string,
    {
      readonly mirrors?: readonly string[] | undefined;
      readonly location?: string | undefined;
      readonly insecure?: boolean | undefined;
      readonly blocked?: boolean | undefined;
      readonly ca?: string | undefined;
      readonly cert?: string | undefined;
      readonly key?: string | undefined;
    }
  >
>;
