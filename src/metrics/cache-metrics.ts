import { Injectable } from '@nestjs/common';
import { Metrics } from './metrics.service.js';

/** What a cache holds and how its look-ups have ended. */
export interface Cache {
  figures: { entries: number; hit: number; miss: number; bypassed: number };
}

/** The metrics of the caches of credentials. */
@Injectable()
export class CacheMetrics {
  private readonly caches = new Map<string, Cache>();

  constructor(metrics: Metrics) {
    metrics.show({
      name: 'latchkey_cache_entries',
      help: 'How many credentials are remembered, by cache.',
      type: 'gauge',
      values: () => [...this.caches].map(([cache, { figures }]) => ({ labels: { cache }, value: figures.entries })),
    });
    metrics.show({
      name: 'latchkey_cache_requests_total',
      help: 'Total number of look-ups of credentials by cache and outcome: hit, miss (looked up in the database), or bypassed (the same, as revocations may be missed at the moment).',
      type: 'counter',
      values: () =>
        [...this.caches].flatMap(([cache, { figures }]) =>
          (['hit', 'miss', 'bypassed'] as const).map((outcome) => ({
            labels: { cache, outcome },
            value: figures[outcome],
          })),
        ),
    });
  }

  /** @param name of the cache, as its metrics have it */
  watch(name: string, cache: Cache): void {
    this.caches.set(name, cache);
  }
}
