CREATE TABLE `af_device` (
  `id` bigint NOT NULL AUTO_INCREMENT,
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
  `created_at` datetime(3) DEFAULT utc_timestamp(3),
  `updated_at` datetime(3) DEFAULT utc_timestamp(3),
  `region` varchar(64) DEFAULT NULL,
  `labels` json DEFAULT NULL,
  `operator_state` enum('active','paused','draining','quarantined') NOT NULL DEFAULT 'active',
  `instance_token` binary(16) DEFAULT NULL,
  `ring_token` binary(16) DEFAULT NULL,
  `lock_name` varchar(64) COLLATE ascii_bin DEFAULT NULL,
  `lock_server` varchar(255) DEFAULT NULL,
  `lock_taken_at` datetime(3) DEFAULT NULL,
  `heartbeat_interval` int DEFAULT NULL COMMENT 'milliseconds',
  `version` varchar(32) DEFAULT NULL,
  `success_rate` decimal(5,4) DEFAULT NULL,
  `avg_duration_ms` bigint DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `device_id` (`device_id`),
  KEY `idx_device_type` (`device_type`),
  KEY `idx_status` (`status`),
  KEY `idx_last_heartbeat` (`last_heartbeat`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_crawl_task` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `task_type` varchar(32) NOT NULL,
  `username` varchar(255) DEFAULT NULL,
  `app_id` varchar(128) DEFAULT NULL,
  `start_date` date DEFAULT NULL,
  `end_date` date DEFAULT NULL,
  `retry` int DEFAULT 0,
  `status` enum('pending','running','failed','done','assigned','waiting','cancelled') DEFAULT 'pending',
  `next_run_at` datetime(3) DEFAULT utc_timestamp(3),
  `created_at` datetime(3) DEFAULT utc_timestamp(3),
  `updated_at` datetime(3) DEFAULT utc_timestamp(3),
  `priority` int DEFAULT 5 COMMENT '任务优先级(1-10)',
  `estimated_duration` int DEFAULT NULL COMMENT '预估执行时间(秒)',
  `required_capabilities` json DEFAULT NULL COMMENT '所需设备能力',
  `max_retry_count` int DEFAULT 3 COMMENT '最大重试次数',
  `task_data` json DEFAULT NULL,
  `execution_timeout` int DEFAULT NULL COMMENT 'seconds',
  `not_after` datetime(3) DEFAULT NULL,
  `dedupe_key` varchar(191) COLLATE utf8mb4_bin DEFAULT NULL,
  `concurrency_key` varchar(191) COLLATE utf8mb4_bin DEFAULT NULL,
  `target_device_id` varchar(64) DEFAULT NULL,
  `target_until` datetime(3) DEFAULT NULL,
  `claim_token` binary(16) DEFAULT NULL,
  `attempt` int NOT NULL DEFAULT 0,
  `lost_count` int NOT NULL DEFAULT 0,
  `batch_id` bigint DEFAULT NULL,
  `parent_id` bigint DEFAULT NULL,
  `result` json DEFAULT NULL,
  `last_error` text DEFAULT NULL,
  `finished_at` datetime(3) DEFAULT NULL,
  `lane` binary(16) GENERATED ALWAYS AS (unhex(left(sha2(concat(`task_type`,'|',coalesce(`required_capabilities`,'')),256),32))) STORED,
  `claim_rank` tinyint GENERATED ALWAYS AS (10 - least(greatest(coalesce(`priority`,5),0),10)) STORED,
  `due_at` datetime(3) GENERATED ALWAYS AS (coalesce(`next_run_at`,`created_at`,TIMESTAMP'1970-01-01 00:00:00')) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `afd_dedupe` (`dedupe_key`),
  KEY `idx_status_next` (`status`,`next_run_at`),
  KEY `afd_claim` (`status`,`lane`,`claim_rank`,`due_at`,`id`),
  KEY `afd_target` (`target_device_id`,`status`,`claim_rank`,`due_at`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_task_assignment` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `task_id` bigint NOT NULL COMMENT '任务ID',
  `device_id` varchar(64) NOT NULL COMMENT '分配的设备ID',
  `assigned_at` datetime(3) DEFAULT utc_timestamp(3) COMMENT '分配时间',
  `started_at` datetime(3) DEFAULT NULL COMMENT '开始执行时间',
  `completed_at` datetime(3) DEFAULT NULL COMMENT '完成时间',
  `status` enum('assigned','running','completed','failed','timeout','cancelled','released','lost') DEFAULT 'assigned',
  `retry_count` int DEFAULT 0 COMMENT '重试次数',
  `error_message` text DEFAULT NULL COMMENT '错误信息',
  `created_at` datetime(3) DEFAULT utc_timestamp(3),
  `updated_at` datetime(3) DEFAULT utc_timestamp(3),
  `attempt` int NOT NULL,
  `claim_token` binary(16) NOT NULL,
  `instance_token` binary(16) DEFAULT NULL,
  `deadline_at` datetime(3) NOT NULL,
  `revoked_at` datetime(3) DEFAULT NULL,
  `revoke_outcome` enum('cancelled','released') DEFAULT NULL,
  `result` json DEFAULT NULL,
  `error_class` varchar(64) DEFAULT NULL,
  `cause` varchar(64) DEFAULT NULL,
  `fingerprint` varchar(64) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `idx_task_id` (`task_id`,`attempt`),
  KEY `idx_device_id` (`device_id`,`status`),
  KEY `idx_status` (`status`,`deadline_at`),
  KEY `idx_assigned_at` (`assigned_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_device_heartbeat` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `device_id` varchar(64) NOT NULL,
  `heartbeat_time` datetime(3) NOT NULL DEFAULT utc_timestamp(3),
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
  `name` varchar(64) COLLATE ascii_bin NOT NULL,
  `holder` varchar(64) DEFAULT NULL COMMENT 'device_id of the leader; NULL = nobody',
  `holder_token` binary(16) DEFAULT NULL COMMENT 'its instance_token',
  `term` bigint NOT NULL DEFAULT 0,
  `acquired_at` datetime(3) DEFAULT NULL,
  `renewed_at` datetime(3) DEFAULT NULL,
  `expires_at` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_lane` (
  `lane` binary(16) NOT NULL,
  `claim_rank` tinyint NOT NULL,
  `task_type` varchar(255) NOT NULL COMMENT 'as long as that of an adopted table may be',
  `required_capabilities` json DEFAULT NULL,
  `head_due_at` datetime(3) NOT NULL COMMENT 'due_at of the best row, in the zone of the task table',
  `head_id` bigint NOT NULL,
  `published_at` datetime(3) NOT NULL,
  PRIMARY KEY (`lane`,`claim_rank`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `af_setting` (
  `name` varchar(64) COLLATE ascii_bin NOT NULL,
  `value` json NOT NULL,
  `updated_at` datetime(3) DEFAULT utc_timestamp(3),
  `updated_by` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
