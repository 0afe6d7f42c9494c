/** What the page of each rule says beside what the catalogue says. The examples are checked: `bad` breaks the rule and no other, `good` none. */
import type { RuleName } from "../../src/dockerfile/lint/rules.js";

export interface RuleText {
  /** Paragraphs: what goes wrong otherwise. */
  readonly why: readonly string[];
  readonly bad: string;
  readonly good: string;
  /** The ignore file of the context that the examples are built in. */
  readonly ignoreFile?: string;
  /**
   * Where a comment skips the rule: above the instruction that is marked, unless said otherwise; `file` for rules that look
   * at the file as a whole, so that only the directive can skip them; `later` for the instruction that takes the effect.
   */
  readonly skippedAt?: "file" | "later";
}

export const RULE_TEXTS: { readonly [R in RuleName]: RuleText } = {
  ConsistentInstructionCasing: {
    skippedAt: "file",
    why: [
      "Keywords work in any case, but a Dockerfile that mixes them is harder to skim: the eye looks for one shape. The rule follows whatever the file does most: if more keywords are in lower case, upper case is the odd one out. With as many of one as of the other, upper case is right. A keyword in mixed case, such as `Run`, is always wrong.",
    ],
    bad: `FROM alpine:3.22
COPY server /usr/local/bin/server
user 1000
`,
    good: `FROM alpine:3.22
COPY server /usr/local/bin/server
USER 1000
`,
  },
  CopyIgnoredFile: {
    why: [
      "What the ignore file matches is not part of the build context, so COPY and ADD cannot find it: a build of the bad example ends with `not found`, which looks as if the file were missing on disk.",
      "The source is compared as it is written. Nothing is said when the ignore file has exceptions (`!pattern`), because then files below an ignored folder may be there after all, nor about `COPY . /app`, unless a pattern ignores everything.",
    ],
    ignoreFile: `*.log
tmp
`,
    bad: `FROM alpine:3.22
COPY tmp/report.txt /srv/
`,
    good: `FROM alpine:3.22
COPY reports/report.txt /srv/
`,
  },
  DuplicateStageName: {
    skippedAt: "file",
    why: [
      "Both stages can be built, but the name means the later one everywhere below it: in `FROM`, in `COPY --from` and in `--target`. The earlier stage can only be reached by its number, which nobody expects. Names differ only if they differ in more than case.",
    ],
    bad: `FROM alpine:3.22 AS build
COPY compile.sh /
FROM alpine:3.22 AS build
COPY link.sh /
`,
    good: `FROM alpine:3.22 AS compile
COPY compile.sh /
FROM alpine:3.22 AS link
COPY link.sh /
`,
  },
  ExposeInvalidFormat: {
    why: [
      "EXPOSE is documentation inside the image: it says on which ports the program listens in the container. Addresses and ports of the host belong to the command that runs the container. They are dropped, so an image that names them does not do what its author thinks. BuildKit will refuse them one day.",
    ],
    bad: `FROM alpine:3.22
EXPOSE 127.0.0.1:8080:80
`,
    good: `FROM alpine:3.22
EXPOSE 80
`,
  },
  ExposeProtoCasing: {
    why: [
      "The image gets the protocol in lower case whatever the Dockerfile says. Writing it so keeps the two alike, and a search for `53/udp` finds both.",
    ],
    bad: `FROM alpine:3.22
EXPOSE 53/UDP
`,
    good: `FROM alpine:3.22
EXPOSE 53/udp
`,
  },
  FromAsCasing: {
    why: [
      "`FROM` and `AS` are two keywords of one instruction. When one is in upper case and the other is not, `as build` reads like a part of the image's name. The rule compares the two; whether FROM is in the right case is the affair of ConsistentInstructionCasing.",
    ],
    bad: `FROM alpine:3.22 as build
COPY . /src
`,
    good: `FROM alpine:3.22 AS build
COPY . /src
`,
  },
  FromPlatformFlagConstDisallowed: {
    why: [
      "A platform that is fixed in FROM stays the same whatever `--platform` asks for. A build for two platforms then makes two images with the same programs in them, and one of the images cannot run them.",
      "A stage that only exists to run on one platform can say so in its name: when the name holds the operating system or the architecture, the constant is taken to be meant.",
    ],
    bad: `FROM --platform=linux/amd64 alpine:3.22 AS tools
COPY . /src
`,
    good: `FROM --platform=$BUILDPLATFORM alpine:3.22 AS tools
COPY . /src

FROM --platform=linux/amd64 alpine:3.22 AS firmware-amd64
COPY --from=tools /src /src
`,
  },
  InvalidBaseImagePlatform: {
    skippedAt: "file",
    why: [
      "Some images are published for one platform, without an index that says which. Asked for another platform, a registry hands out what it has. The build goes on with files for the wrong machine, and the first program that is run fails with `exec format error`.",
      "The examples suppose that `example/amd64-only` exists for linux/amd64 only.",
    ],
    bad: `FROM --platform=linux/arm64 example/amd64-only AS server-arm64
COPY server /
`,
    good: `FROM --platform=linux/amd64 example/amd64-only AS server-amd64
COPY server /
`,
  },
  InvalidDefaultArgInFrom: {
    skippedAt: "file",
    why: [
      "Somebody who builds the Dockerfile without `--build-arg` should get an image, or at least reach the first step. Here the name of the base image is nothing, or not a name, until the argument is given. The check looks at the defaults alone, also when the build at hand is given a value.",
    ],
    bad: `ARG VERSION
FROM alpine:\${VERSION}
`,
    good: `ARG VERSION=3.22
FROM alpine:\${VERSION}
`,
  },
  InvalidDefinitionDescription: {
    why: [
      "`ocibuild --call outline` and `--call targets` show a description of each build argument and stage: the comment line above it that begins with its name. A comment right above that begins with something else is often meant to be one and is not shown.",
      "Other comments are told apart by an empty line or a line of nothing but `#` below them.",
    ],
    bad: `# which release of the base to start from
ARG VERSION=3.22
FROM alpine:\${VERSION}
`,
    good: `# VERSION which release of the base to start from
ARG VERSION=3.22

# The stage below is what is shipped.
#
FROM alpine:\${VERSION}
`,
  },
  JSONArgsRecommended: {
    why: [
      "In the shell form the container runs `/bin/sh -c`, and the program is a child of that shell. The signal that stops a container goes to the shell, which does not pass it on: the program never hears of it and is killed when the time is up.",
      "Who wants a shell says which with SHELL; the rule is silent then.",
    ],
    bad: `FROM alpine:3.22
COPY server /usr/local/bin/server
ENTRYPOINT server --port 80
`,
    good: `FROM alpine:3.22
COPY server /usr/local/bin/server
ENTRYPOINT ["server", "--port", "80"]
`,
  },
  LegacyKeyValueFormat: {
    why: [
      "Without `=` the first word is the name and all the rest of the line is the value. `ENV A 1 B=2` therefore sets one variable, `A`, to `1 B=2`. With `=` each pair stands for itself, and one instruction can set several.",
    ],
    bad: `FROM alpine:3.22
ENV LANG C.UTF-8
`,
    good: `FROM alpine:3.22
ENV LANG=C.UTF-8
`,
  },
  MaintainerDeprecated: {
    why: [
      "MAINTAINER fills a field that image formats have given up, and tools that show the labels of an image do not show it. The label has a name that everybody knows.",
    ],
    bad: `FROM alpine:3.22
MAINTAINER Jo Doe <jo@example.com>
`,
    good: `FROM alpine:3.22
LABEL org.opencontainers.image.authors="Jo Doe <jo@example.com>"
`,
  },
  MultipleInstructionsDisallowed: {
    skippedAt: "later",
    why: [
      "An image has one CMD, one ENTRYPOINT and one HEALTHCHECK. The last one of a stage counts; those above it have no effect, although they look as if they had. The rule marks the instruction that is lost. A stage may replace what its base has.",
    ],
    bad: `FROM alpine:3.22
CMD ["migrate"]
CMD ["serve"]
`,
    good: `FROM alpine:3.22 AS migrate
CMD ["migrate"]

FROM alpine:3.22
CMD ["serve"]
`,
  },
  NoEmptyContinuation: {
    skippedAt: "file",
    why: [
      "After a line that ends in a backslash the next one still belongs to the instruction. An empty line there is skipped for the sake of old Dockerfiles, and will be an error one day. It also hides where the instruction ends: what follows the empty line looks like something new. Comment lines are allowed.",
    ],
    bad: `FROM alpine:3.22
ENV EDITOR=vi \\

    PAGER=less
`,
    good: `FROM alpine:3.22
ENV EDITOR=vi \\
    # as everywhere
    PAGER=less
`,
  },
  RedundantTargetPlatform: {
    why: [
      "A base image is taken for the platform that is asked for, which is what `$TARGETPLATFORM` holds. The flag says nothing new, and whoever reads it looks for the reason.",
    ],
    bad: `FROM --platform=$TARGETPLATFORM alpine:3.22
COPY server /
`,
    good: `FROM alpine:3.22
COPY server /
`,
  },
  ReservedStageName: {
    skippedAt: "file",
    why: [
      "`FROM scratch` always means the empty image, and `context` the files that are sent to the build. A stage of that name cannot be referred to, or hides what everybody expects there.",
    ],
    bad: `FROM alpine:3.22 AS scratch
COPY . /src
`,
    good: `FROM alpine:3.22 AS sources
COPY . /src
`,
  },
  SecretsUsedInArgOrEnv: {
    why: [
      "The value of an ENV is in the config of the image, that of an ARG in its history and in the environment of each RUN. Everybody who can pull the image can read them, also when a later step removes the variable.",
      "The rule looks at names: `key`, `token`, `password`, `passwd`, `pword`, `secret`, `auth`, `credential`, `credentials` or `apikey`, alone or between underscores, in any case. Names with the word `public` are left in peace.",
    ],
    bad: `FROM alpine:3.22
ARG REGISTRY_TOKEN
RUN fetch --token "$REGISTRY_TOKEN"
`,
    good: `FROM alpine:3.22
RUN --mount=type=secret,id=registry,env=TOKEN fetch --token "$TOKEN"
`,
  },
  StageNameCasing: {
    why: [
      "Names of stages mean the same in upper and in lower case, but `FROM` compares them with names of images, which are always in lower case: `FROM Build` does not find the stage `Build`, while `COPY --from=Build` does. In lower case there is no trap.",
    ],
    bad: `FROM alpine:3.22 AS Build
COPY . /src
`,
    good: `FROM alpine:3.22 AS build
COPY . /src
`,
  },
  UndefinedArgInFrom: {
    why: [
      "FROM sees the ARGs above the first FROM and those that the builder defines (`TARGETPLATFORM`, `BUILDPLATFORM` and their parts). Anything else is empty, so a typing error in a name quietly takes the default of `${name:-default}`, or another tag than the one meant.",
    ],
    bad: `ARG ALPINE_VERSION=3.22
FROM alpine:\${ALPINE_VERSON:-latest}
`,
    good: `ARG ALPINE_VERSION=3.22
FROM alpine:\${ALPINE_VERSION:-latest}
`,
  },
  UndefinedVar: {
    why: [
      "A variable that neither ARG nor ENV declares, in this stage or in its base, is replaced by nothing. `COPY app $DESTINATION/` then copies to `/`. ARGs above the first FROM have to be declared again in the stage that wants them. The names of near misses are suggested.",
      "What the shell of a RUN replaces is not looked at.",
    ],
    bad: `FROM alpine:3.22
ENV APP_HOME=/srv/app
COPY server $APP_HOM/
`,
    good: `FROM alpine:3.22
ENV APP_HOME=/srv/app
COPY server $APP_HOME/
`,
  },
  WorkdirRelativePath: {
    why: [
      "A relative WORKDIR continues that of the base image. When a new version of the base has another one, the files of this image move without any change here. After an absolute WORKDIR in this Dockerfile relative ones are fine.",
    ],
    bad: `FROM alpine:3.22
WORKDIR app
COPY . .
`,
    good: `FROM alpine:3.22
WORKDIR /app
COPY . .
WORKDIR bin
`,
  },
};
