const express = require("express");
const app = express();
app.get("/", (_, response) => response.send("Hello from express\n"));
app.listen(process.env.PORT ?? 3000, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
