import { createGatehouse } from "@gatehouse/client";
import { GatehouseProvider } from "@gatehouse/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { arrive } from "./arrival";
import "./app.css";

const gatehouse = createGatehouse(); // it takes #mfa_token
arrive(); // and this what else stands there

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <GatehouseProvider client={gatehouse}>
      <App />
    </GatehouseProvider>
  </StrictMode>,
);
