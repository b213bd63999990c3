import { Global, Module } from '@nestjs/common';
import { CacheMetrics } from './cache-metrics.js';
import { DatabaseMetrics } from './database-metrics.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.service.js';
import { SweeperMetrics } from './sweeper-metrics.js';

/** Metrics of this process, for Prometheus. */
@Global()
@Module({
  controllers: [MetricsController],
  providers: [Metrics, CacheMetrics, DatabaseMetrics, SweeperMetrics],
  exports: [Metrics, CacheMetrics],
})
export class MetricsModule {}
