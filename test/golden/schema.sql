CREATE TABLE `af_device` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'order in which the devices were registered',
  `device_id` varchar(64) NOT NULL COMMENT '设备唯一标识',
  `device_name` varchar(128) NOT NULL COMMENT '设备名称',
  `device_type` enum('master','worker','gateway') NOT NULL COMMENT '设备类型',
  `ip_address` varchar(45) NOT NULL COMMENT 'IP地址',
  `port` int NOT NULL COMMENT '端口号',
  `status` enum('online','offline','busy') DEFAULT 'offline' COMMENT '设备状态',
  `capabilities` json DEFAULT NULL COMMENT '设备能力配置',
  `max_concurrent_tasks` int DEFAULT 5 COMMENT '最大并发任务数',
  `current_tasks` int DEFAULT 0 COMMENT '当前任务数',
  `last_heartbeat` datetime(3) DEFAULT NULL COMMENT '最后心跳时间',
  `created_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'UTC',
  `updated_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'UTC',
  `region` varchar(64) DEFAULT NULL COMMENT 'compared with the region in required_capabilities',
  `labels` json DEFAULT NULL COMMENT 'names and values of the operator',
  `operator_state` enum('active','paused','draining','quarantined') NOT NULL DEFAULT 'active' COMMENT 'what the operator wants of the device',
  `instance_token` binary(16) DEFAULT NULL COMMENT 'random; tells the process that registered last from earlier ones',
  `host_name` varchar(255) DEFAULT NULL COMMENT 'machine of that process',
  `pid` int DEFAULT NULL COMMENT 'number of that process on its machine',
  `version` varchar(32) DEFAULT NULL COMMENT 'version of afd in that process',
  `heartbeat_interval` int DEFAULT NULL COMMENT 'milliseconds',
  `ring_token` binary(16) DEFAULT NULL COMMENT 'secret that the sender of a ring (wake-up datagram) must know',
  `lock_name` varchar(64) COLLATE ascii_bin DEFAULT NULL COMMENT 'session lock of that process (GET_LOCK); free = the process is gone',
  `lock_server` varchar(255) DEFAULT NULL COMMENT 'database server that has the lock',
  `lock_taken_at` datetime(3) DEFAULT NULL COMMENT 'UTC',
  `gateway_id` varchar(64) DEFAULT NULL COMMENT 'gateway that it asked last; NULL = it has a session of its own',
  `lease_until` datetime(3) DEFAULT NULL COMMENT 'in place of a session lock; then the device counts as gone, UTC',
  `offline_for` int DEFAULT NULL COMMENT 'seconds for which it may be silent and keeps what it holds; NULL = heartbeat_timeout',
  `over_limits` json DEFAULT NULL COMMENT 'resource limits that it is over, in words',
  `stuck` json DEFAULT NULL COMMENT 'tasks whose handlers run on after their end, a slot each',
  `recent_claims` int NOT NULL DEFAULT 0 COMMENT 'tasks claimed within the last minute',
  `success_rate` decimal(5,4) DEFAULT NULL COMMENT '0 to 1, of the last 100 ended attempts',
  `avg_duration_ms` bigint DEFAULT NULL COMMENT 'milliseconds, of the completed ones among them',
  PRIMARY KEY (`id`),
  UNIQUE KEY `device_id` (`device_id`),
  KEY `idx_device_type` (`device_type`),
  KEY `idx_status` (`status`),
  KEY `idx_last_heartbeat` (`last_heartbeat`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_crawl_task` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'order of tasks that are otherwise equal',
  `task_type` varchar(32) NOT NULL COMMENT 'selects the handler',
  `username` varchar(255) DEFAULT NULL COMMENT 'payload',
  `app_id` varchar(128) DEFAULT NULL COMMENT 'payload',
  `start_date` date DEFAULT NULL COMMENT 'payload',
  `end_date` date DEFAULT NULL COMMENT 'payload',
  `retry` int DEFAULT 0 COMMENT 'attempts that failed or timed out',
  `status` enum('pending','running','failed','done','assigned','waiting','cancelled') DEFAULT 'pending' COMMENT 'assigned = directed at one device; waiting = parked until next_run_at',
  `next_run_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'earliest start, in the zone of database.time_zone',
  `created_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'in the zone of database.time_zone',
  `updated_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'in the zone of database.time_zone',
  `priority` int DEFAULT 5 COMMENT '任务优先级(1-10)',
  `estimated_duration` int DEFAULT NULL COMMENT '预估执行时间(秒)',
  `required_capabilities` json DEFAULT NULL COMMENT '所需设备能力',
  `max_retry_count` int DEFAULT 3 COMMENT '最大重试次数',
  `task_data` json DEFAULT NULL COMMENT 'payload; its keys override the columns',
  `execution_timeout` int DEFAULT NULL COMMENT 'seconds; NULL = that of the handler, else master.task_timeout',
  `not_after` datetime(3) DEFAULT NULL COMMENT 'latest start, UTC',
  `dedupe_key` varchar(191) COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'unique while its row exists; compared exactly',
  `concurrency_key` varchar(191) COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'stored with the task; has no effect yet',
  `batch_id` bigint DEFAULT NULL COMMENT 'batch that it was added to',
  `parent_id` bigint DEFAULT NULL COMMENT 'id of the task whose handler added this one',
  `target_device_id` varchar(64) DEFAULT NULL COMMENT 'device that the task is directed at',
  `target_until` datetime(3) DEFAULT NULL COMMENT 'until when, UTC',
  `attempt` int NOT NULL DEFAULT 0 COMMENT 'number of the current or last attempt; 0 = none yet',
  `lost_count` int NOT NULL DEFAULT 0 COMMENT 'workers that died under it',
  `claim_token` binary(16) DEFAULT NULL COMMENT 'random; each write of the holder must match it',
  `claimed_by` varchar(64) DEFAULT NULL COMMENT 'deferred claim: device_id, until the attempt has a row of its own',
  `claim_instance` binary(16) DEFAULT NULL COMMENT 'deferred claim: instance_token of the process',
  `claimed_at` datetime(3) DEFAULT NULL COMMENT 'deferred claim: when, UTC',
  `claim_deadline` datetime(3) DEFAULT NULL COMMENT 'deferred claim: deadline_at of the attempt, UTC',
  `last_error` text DEFAULT NULL COMMENT 'of the last attempt that did not complete',
  `finished_at` datetime(3) DEFAULT NULL COMMENT 'UTC',
  `claim_state` mediumint GENERATED ALWAYS AS (field(`status`,'pending','done','failed','cancelled','waiting','assigned','running') * 100000 - if(`status` in ('done','failed','cancelled'),least(to_days(if(month(coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00')) * dayofmonth(coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00')) = 0,TIMESTAMP'1970-01-01 00:00:00',least(greatest(coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00'),TIMESTAMP'1970-01-01 00:00:00'),TIMESTAMP'9999-12-31 23:59:59'))) - to_days(TIMESTAMP'1970-01-01 00:00:00'),32767),0)) STORED COMMENT 'place of the status x 100000; of an ended task, less the days from 1970 to due_at',
  `lane` binary(16) GENERATED ALWAYS AS (unhex(left(sha2(concat(`task_type`,'|',coalesce(`required_capabilities`,'')),256),32))) STORED COMMENT 'hash of task_type and required_capabilities',
  `claim_rank` tinyint GENERATED ALWAYS AS (10 - least(greatest(coalesce(`priority`,5),0),10)) STORED COMMENT '10 - priority; 0 = best',
  `due_at` datetime(3) GENERATED ALWAYS AS (if(month(coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00')) * dayofmonth(coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00')) = 0,TIMESTAMP'1970-01-01 00:00:00',least(greatest(coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00'),TIMESTAMP'1970-01-01 00:00:00'),TIMESTAMP'9999-12-31 23:59:59'))) STORED COMMENT 'next_run_at, else created_at, in the zone of database.time_zone',
  `batch_state` tinyint GENERATED ALWAYS AS (if(`batch_id` is null,NULL,field(`status`,'pending','waiting','assigned','running','done','failed','cancelled'))) STORED COMMENT 'place of the status; up to 4 = open. NULL = in no batch',
  PRIMARY KEY (`id`),
  UNIQUE KEY `afd_dedupe` (`dedupe_key`),
  KEY `afd_claim` (`claim_state`,`lane`,`claim_rank`,`due_at`,`id`),
  KEY `afd_target` (`target_device_id`,`claim_rank`,`due_at`,`id`),
  KEY `afd_batch` (`batch_id`,`batch_state`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_task_assignment` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'order in which the rows were written',
  `task_id` bigint NOT NULL COMMENT '任务ID',
  `device_id` varchar(64) NOT NULL COMMENT '分配的设备ID',
  `assigned_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT '分配时间',
  `started_at` datetime(3) DEFAULT NULL COMMENT '开始执行时间',
  `completed_at` datetime(3) DEFAULT NULL COMMENT '完成时间',
  `status` enum('assigned','running','completed','failed','timeout','cancelled','released','lost') DEFAULT 'assigned' COMMENT 'assigned = claimed, the handler has not begun',
  `retry_count` int DEFAULT 0 COMMENT '重试次数',
  `error_message` text DEFAULT NULL COMMENT '错误信息',
  `created_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'UTC',
  `updated_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'UTC',
  `attempt` int DEFAULT NULL COMMENT 'number of the attempt, from 1; NULL = row of another program',
  `claim_token` binary(16) NOT NULL DEFAULT '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' COMMENT 'random, as in the task; zeros = row of another program',
  `instance_token` binary(16) DEFAULT NULL COMMENT 'process of the device that claimed it',
  `deadline_at` datetime(3) DEFAULT NULL COMMENT 'UTC; then the leader rescues the attempt',
  `revoked_at` datetime(3) DEFAULT NULL COMMENT 'when an operator asked for its end, UTC',
  `revoke_outcome` enum('cancelled','released') DEFAULT NULL COMMENT 'the end that the operator asked for',
  `revoked_by` varchar(500) DEFAULT NULL COMMENT 'the operator and the reason, in words',
  `result` json DEFAULT NULL COMMENT 'what the handler returned',
  `error_class` varchar(64) DEFAULT NULL COMMENT 'short name that groups equal failures',
  `cause` varchar(64) DEFAULT NULL COMMENT 'why it was lost, released, cancelled or timed out',
  `fingerprint` varchar(64) DEFAULT NULL COMMENT 'has no effect yet',
  PRIMARY KEY (`id`),
  UNIQUE KEY `idx_task_id` (`task_id`,`attempt`),
  KEY `idx_device_id` (`device_id`,`status`),
  KEY `idx_status` (`status`,`deadline_at`),
  KEY `idx_assigned_at` (`assigned_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_device_heartbeat` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'order in which the rows were written',
  `device_id` varchar(64) NOT NULL COMMENT 'device that reports',
  `heartbeat_time` datetime(3) NOT NULL DEFAULT utc_timestamp(3) COMMENT 'UTC',
  `cpu_usage` decimal(5,2) DEFAULT NULL COMMENT 'CPU使用率',
  `memory_usage` decimal(5,2) DEFAULT NULL COMMENT '内存使用率',
  `disk_usage` decimal(5,2) DEFAULT NULL COMMENT '磁盘使用率',
  `active_tasks` int DEFAULT 0 COMMENT '活跃任务数',
  `system_info` json DEFAULT NULL COMMENT '系统信息',
  PRIMARY KEY (`id`,`heartbeat_time`),
  KEY `idx_device_id` (`device_id`),
  KEY `idx_heartbeat_time` (heartbeat_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
PARTITION BY RANGE  COLUMNS(heartbeat_time)
(PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE `af_leader` (
  `name` varchar(64) COLLATE ascii_bin NOT NULL COMMENT 'leader, in the only row',
  `holder` varchar(64) DEFAULT NULL COMMENT 'device_id of the leader; NULL = nobody',
  `holder_token` binary(16) DEFAULT NULL COMMENT 'its instance_token',
  `term` bigint NOT NULL DEFAULT 0 COMMENT 'number of the leadership; each new one is higher',
  `acquired_at` datetime(3) DEFAULT NULL COMMENT 'UTC',
  `renewed_at` datetime(3) DEFAULT NULL COMMENT 'UTC',
  `expires_at` datetime(3) DEFAULT NULL COMMENT 'UTC; then another node may take the lease',
  `failing` json DEFAULT NULL COMMENT 'duties that fail now: term, and of each its name, message and since',
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_lane` (
  `lane` binary(16) NOT NULL COMMENT 'as in the task table',
  `claim_rank` tinyint NOT NULL COMMENT '10 - priority; 0 = best',
  `task_type` varchar(255) NOT NULL COMMENT 'as long as that of an adopted table may be',
  `required_capabilities` json DEFAULT NULL COMMENT 'of each task of the lane',
  `head_due_at` datetime(3) NOT NULL COMMENT 'due_at of its first task, in the zone of database.time_zone',
  `head_id` bigint NOT NULL COMMENT 'id of that task',
  `able` int DEFAULT NULL COMMENT 'number of online devices that can run it',
  `published_at` datetime(3) NOT NULL COMMENT 'UTC',
  PRIMARY KEY (`lane`,`claim_rank`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_setting` (
  `name` varchar(64) COLLATE ascii_bin NOT NULL COMMENT 'key, as in the configuration file',
  `value` json NOT NULL COMMENT 'the value that all nodes use',
  `updated_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT 'UTC',
  `updated_by` varchar(128) DEFAULT NULL COMMENT 'who wrote it',
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_task_progress` (
  `task_id` bigint NOT NULL COMMENT 'id of the task',
  `attempt` int NOT NULL COMMENT 'number of the attempt',
  `device_id` varchar(64) NOT NULL COMMENT 'device that ran it',
  `done` double DEFAULT NULL COMMENT 'how far it is, in a unit of the handler',
  `total` double DEFAULT NULL COMMENT 'in the same unit; NULL = not known',
  `message` varchar(255) DEFAULT NULL COMMENT 'what it is doing, in words of the handler',
  `metrics` json DEFAULT NULL COMMENT 'names and numbers of the handler',
  `peak_memory` bigint DEFAULT NULL COMMENT 'bytes',
  `cpu_ms` bigint DEFAULT NULL COMMENT 'milliseconds of CPU time',
  `begun_done` double DEFAULT NULL COMMENT 'done of its first report',
  `begun_at` datetime(3) DEFAULT NULL COMMENT 'when that was, UTC',
  `updated_at` datetime(3) NOT NULL COMMENT 'when it was last written, UTC',
  PRIMARY KEY (`task_id`,`attempt`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_task_checkpoint` (
  `task_id` bigint NOT NULL COMMENT 'id of the task',
  `attempt` int NOT NULL COMMENT 'number of the attempt that stored it',
  `value` mediumtext NOT NULL COMMENT 'JSON, at most 64 KB',
  `task_created_at` datetime(3) DEFAULT NULL COMMENT 'created_at of the task: ids of an emptied table repeat',
  `written_at` datetime(3) NOT NULL COMMENT 'UTC',
  PRIMARY KEY (`task_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_task_log` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'order in which the rows of a device were written',
  `task_id` bigint NOT NULL COMMENT 'task whose attempt printed it',
  `attempt` int NOT NULL COMMENT 'number of the attempt, from 1',
  `device_id` varchar(64) NOT NULL COMMENT 'device that ran the attempt',
  `from_byte` bigint NOT NULL COMMENT 'bytes that the attempt had printed before this piece',
  `to_byte` bigint NOT NULL COMMENT 'and with it; the next piece begins here, or output was dropped between them',
  `line_count` int NOT NULL COMMENT 'lines in body',
  `body` mediumblob NOT NULL COMMENT 'the lines with their times and streams, compressed (raw deflate)',
  `written_at` datetime(3) NOT NULL DEFAULT utc_timestamp(3) COMMENT 'UTC',
  PRIMARY KEY (`id`,`written_at`),
  KEY `idx_attempt` (`task_id`,`attempt`,`from_byte`),
  KEY `idx_device_id` (`device_id`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
PARTITION BY RANGE  COLUMNS(written_at)
(PARTITION p_future VALUES LESS THAN (MAXVALUE));

CREATE TABLE `af_task_end` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'order in which the rows were written',
  `task_id` bigint NOT NULL COMMENT 'id of the task',
  `status` enum('failed','cancelled') NOT NULL COMMENT 'of the task, since then',
  `cause` varchar(64) NOT NULL COMMENT 'why: operator, or not claimable',
  `ended_at` datetime(3) NOT NULL COMMENT 'UTC',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
