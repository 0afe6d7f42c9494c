/** Shapes of what a builder's client prints and writes, as far as it is read. Loose: more may be there. */
import * as z from "zod";

export const ProgressSchema: z.ZodType<ProgressEvent> = z.looseObject({
  vertexes: z
    .array(z.looseObject({ digest: z.string(), name: z.string().default(""), error: z.string().optional() }))
    .nullish(),
  logs: z.array(z.looseObject({ vertex: z.string(), stream: z.number(), data: z.string() })).nullish(),
});
export interface ProgressEvent {
  readonly vertexes?:
    | readonly { readonly digest: string; readonly name: string; readonly error?: string | undefined }[]
    | null
    | undefined;
  readonly logs?:
    | readonly {
        readonly vertex: string;
        /** 1 for standard output, 2 for errors. */
        readonly stream: number;
        /** Base64. */
        readonly data: string;
      }[]
    | null
    | undefined;
}

/** `index.json`, or a manifest. */
export const LayoutDocumentSchema: z.ZodType<LayoutDocument> = z.looseObject({
  manifests: z.array(z.looseObject({ digest: z.string() })).optional(),
  layers: z.array(z.looseObject({ digest: z.string(), mediaType: z.string() })).optional(),
});
export interface LayoutDocument {
  readonly manifests?: readonly { readonly digest: string }[] | undefined;
  readonly layers?: readonly { readonly digest: string; readonly mediaType: string }[] | undefined;
}
