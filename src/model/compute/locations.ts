/** The zones and regions of a project: fixed lists, since an emulated VM is in a zone by name only. Any other name is accepted in paths. */

export interface Zone {
  readonly name: string;
  readonly region: string;
}

const zonesByRegion: Readonly<Record<string, string>> = {
  "asia-east1": "abc",
  "asia-northeast1": "abc",
  "asia-south1": "abc",
  "asia-southeast1": "abc",
  "australia-southeast1": "abc",
  "europe-north1": "abc",
  "europe-west1": "bcd",
  "europe-west2": "abc",
  "europe-west3": "abc",
  "europe-west4": "abc",
  "southamerica-east1": "abc",
  "us-central1": "abcf",
  "us-east1": "bcd",
  "us-east4": "abc",
  "us-west1": "abc",
  "us-west2": "abc",
};

/** Names of the regions, sorted. */
export const regions: readonly string[] = Object.keys(zonesByRegion);

/** Zones, sorted by name. */
export const zones: readonly Zone[] = Object.entries(zonesByRegion).flatMap(([region, letters]) =>
  letters.split("").map((letter) => ({ name: `${region}-${letter}`, region })),
);
