import type { Messages } from "../messages.ts";

/** Messages of Secret Manager v1, by hand: the secret, and the bodies of the verbs on its versions. */
export const secretManagerMessages: Messages = {
  Secret: {
    name: "string",
    replication: "Replication",
    createTime: "timestamp",
    labels: "map string",
    topics: "list Topic",
    expireTime: "timestamp",
    ttl: "duration",
    etag: "string",
    rotation: "Rotation",
    versionAliases: "map int64",
    annotations: "map string",
    versionDestroyTtl: "duration",
    customerManagedEncryption: "CustomerManagedEncryption",
    tags: "map string",
  },
  Replication: { automatic: "Replication.Automatic", userManaged: "Replication.UserManaged" },
  "Replication.Automatic": { customerManagedEncryption: "CustomerManagedEncryption" },
  "Replication.UserManaged": { replicas: "list Replication.UserManaged.Replica" },
  "Replication.UserManaged.Replica": { location: "string", customerManagedEncryption: "CustomerManagedEncryption" },
  CustomerManagedEncryption: { kmsKeyName: "string" },
  Topic: { name: "string" },
  Rotation: { nextRotationTime: "timestamp", rotationPeriod: "duration" },
  AddSecretVersionRequest: { parent: "string", payload: "SecretPayload" },
  SecretPayload: { data: "bytes", dataCrc32c: "int64" },
  ChangeSecretVersionRequest: { name: "string", etag: "string" },
};
