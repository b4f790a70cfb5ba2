/** The WebSocket subprotocol of tunnels; another version of the frames gets another name. */
export const protocol = "wayside-tunnel.v1";

/** An agent sends the one as text, this often, and gets the other; the platform answers without waking the Tunnel object. */
export const pingIntervalMs = 15_000;
export const keepAlive = { ping: "ping", pong: "pong" } as const;

/** With it the control Worker hands an agent's WebSocket over to a Tunnel object; no tunnel has this host. */
export const connectUrl = "http://connect/";
