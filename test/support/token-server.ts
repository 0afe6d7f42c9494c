/** A token server for docker-registry: signs what its users ask for, as the distribution token specification says. */
import { sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { selfSignedCertificate } from "./certificate.js";

export interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** PEM, for the registry. */
  readonly certificate: string;
  /** Scopes that were asked for, and by whom. */
  readonly asked: readonly string[];
}

/** Users get everything, others may pull. */
export async function startTokenServer(users: Readonly<Record<string, string>>): Promise<TokenServer> {
  const { key, cert } = selfSignedCertificate();
  const x5c = [cert.replace(/-----[A-Z ]+-----|\s/g, "")];
  const asked: string[] = [];
  const issuer = "test issuer";
  const service = "test service";
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://token");
    const [user = "", ...rest] = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64")
      .toString("utf8")
      .split(":");
    const isKnown = user !== "" && users[user] === rest.join(":");
    if (user !== "" && !isKnown) {
      response.writeHead(401, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ details: "incorrect username or password" }));
    }
    const scopes = searchParams.getAll("scope").flatMap((text) => text.split(" "));
    asked.push(`${user || "anonymous"} ${scopes.join(" ")}`.trim());
    const access = scopes.map((scope) => {
      const [type, name, actions = ""] = scope.split(/:(?=[^:]*$|.*:[^:]*$)/);
      const wanted = actions.split(",");
      return { type, name, actions: isKnown ? wanted : wanted.filter((action) => action === "pull") };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: user,
      aud: service,
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: String(now),
      access,
    };
    const signed = `${part({ typ: "JWT", alg: "ES256", x5c })}.${part(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ token: `${signed}.${signature}`, expires_in: 300 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    service,
    issuer,
    certificate: cert,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
