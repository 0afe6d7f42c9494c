/** Instructions whose arguments are one line or a list of words: WORKDIR, USER, STOPSIGNAL, MAINTAINER, EXPOSE, VOLUME. */
import type {
  ExposeInstruction,
  MaintainerInstruction,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
  Word,
  WorkdirInstruction,
} from "../ast.js";
import { parseFlags } from "../flag-values.js";
import { trimSpace } from "../whitespace.js";
import { baseOf, failAtLeastOne, failExactlyOne, type Request } from "./request.js";

export function parseWorkdir(request: Request): WorkdirInstruction | undefined {
  const path = oneWord(request, "WORKDIR", "WORKDIR /app");
  return path && { ...baseOf("WORKDIR", request), path };
}

export function parseUser(request: Request): UserInstruction | undefined {
  const user = oneWord(request, "USER", "USER 1000:1000");
  return user && { ...baseOf("USER", request), user };
}

export function parseMaintainer(request: Request): MaintainerInstruction | undefined {
  const maintainer = oneWord(request, "MAINTAINER", 'LABEL org.opencontainers.image.authors="name"');
  return maintainer && { ...baseOf("MAINTAINER", request), maintainer: maintainer.value };
}

/** Flags are let through unseen, as BuildKit does. */
export function parseStopsignal(request: Request): StopsignalInstruction | undefined {
  const [signal] = request.args.words;
  if (signal === undefined) return failExactlyOne(request, "STOPSIGNAL", "STOPSIGNAL SIGTERM");
  return { ...baseOf("STOPSIGNAL", request), signal };
}

export function parseExpose(request: Request): ExposeInstruction | undefined {
  const ports = words(request, "EXPOSE", "EXPOSE 8080");
  return ports && { ...baseOf("EXPOSE", request), ports };
}

export function parseVolume(request: Request): VolumeInstruction | undefined {
  const paths = words(request, "VOLUME", "VOLUME /data")?.map(({ value, span }) => ({ value: trimSpace(value), span }));
  const blank = paths?.find((path) => path.value === "");
  if (blank !== undefined) {
    return request.fail("name-blank", "VOLUME specified can not be an empty string", blank.span, "name a path");
  }
  return paths && { ...baseOf("VOLUME", request), paths };
}

function oneWord(request: Request, kind: string, example: string): Word | undefined {
  const [word] = request.args.words;
  if (word === undefined) return failExactlyOne(request, kind, example);
  return parseFlags(kind, request.flags, request.fail) && word;
}

function words(request: Request, kind: string, example: string): readonly Word[] | undefined {
  if (request.args.words.length === 0) return failAtLeastOne(request, kind, example);
  return parseFlags(kind, request.flags, request.fail) && request.args.words;
}
