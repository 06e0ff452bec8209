// The design document's own DDL, sections 3.1 to 3.4, word for word, and rows in every table: what somebody has who
// created the tables by it before there was afd.
import { T1, T1_ROWS } from './old-table.ts';

const DEVICE = `CREATE TABLE af_device (
    id INT PRIMARY KEY AUTO_INCREMENT,
    device_id VARCHAR(64) UNIQUE NOT NULL COMMENT '设备唯一标识',
    device_name VARCHAR(128) NOT NULL COMMENT '设备名称',
    device_type ENUM('master', 'worker') NOT NULL COMMENT '设备类型',
    ip_address VARCHAR(45) NOT NULL COMMENT 'IP地址',
    port INT NOT NULL COMMENT '端口号',
    status ENUM('online', 'offline', 'busy') DEFAULT 'offline' COMMENT '设备状态',
    capabilities JSON COMMENT '设备能力配置',
    max_concurrent_tasks INT DEFAULT 5 COMMENT '最大并发任务数',
    current_tasks INT DEFAULT 0 COMMENT '当前任务数',
    last_heartbeat DATETIME COMMENT '最后心跳时间',
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    INDEX idx_device_type (device_type),
    INDEX idx_status (status),
    INDEX idx_last_heartbeat (last_heartbeat)
)`;

const ASSIGNMENT = `CREATE TABLE af_task_assignment (
    id INT PRIMARY KEY AUTO_INCREMENT,
    task_id INT NOT NULL COMMENT '任务ID',
    device_id VARCHAR(64) NOT NULL COMMENT '分配的设备ID',
    assigned_at DATETIME DEFAULT CURRENT_TIMESTAMP COMMENT '分配时间',
    started_at DATETIME COMMENT '开始执行时间',
    completed_at DATETIME COMMENT '完成时间',
    status ENUM('assigned', 'running', 'completed', 'failed', 'timeout') DEFAULT 'assigned',
    retry_count INT DEFAULT 0 COMMENT '重试次数',
    error_message TEXT COMMENT '错误信息',
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    FOREIGN KEY (task_id) REFERENCES af_crawl_task(id),
    FOREIGN KEY (device_id) REFERENCES af_device(device_id),
    INDEX idx_task_id (task_id),
    INDEX idx_device_id (device_id),
    INDEX idx_status (status),
    INDEX idx_assigned_at (assigned_at)
)`;

const HEARTBEAT = `CREATE TABLE af_device_heartbeat (
    id INT PRIMARY KEY AUTO_INCREMENT,
    device_id VARCHAR(64) NOT NULL,
    heartbeat_time DATETIME DEFAULT CURRENT_TIMESTAMP,
    cpu_usage DECIMAL(5,2) COMMENT 'CPU使用率',
    memory_usage DECIMAL(5,2) COMMENT '内存使用率',
    disk_usage DECIMAL(5,2) COMMENT '磁盘使用率',
    active_tasks INT DEFAULT 0 COMMENT '活跃任务数',
    system_info JSON COMMENT '系统信息',
    FOREIGN KEY (device_id) REFERENCES af_device(device_id),
    INDEX idx_device_id (device_id),
    INDEX idx_heartbeat_time (heartbeat_time)
)`;

const EXTENDED = [
  `ALTER TABLE af_crawl_task ADD COLUMN priority INT DEFAULT 5 COMMENT '任务优先级(1-10)'`,
  `ALTER TABLE af_crawl_task ADD COLUMN estimated_duration INT COMMENT '预估执行时间(秒)'`,
  `ALTER TABLE af_crawl_task ADD COLUMN required_capabilities JSON COMMENT '所需设备能力'`,
  `ALTER TABLE af_crawl_task ADD COLUMN max_retry_count INT DEFAULT 3 COMMENT '最大重试次数'`,
];

/** A T1 table under the document's name, with its four columns, and the three other tables. */
export const DOCUMENT_TABLES = [
  ...[T1, T1_ROWS].map((sql) => sql.replaceAll('af_crawl_tasks', 'af_crawl_task')),
  ...EXTENDED,
  DEVICE,
  ASSIGNMENT,
  HEARTBEAT,
];

/**
 * Rows of a master that pushed tasks, with its times by NOW() of a session in +08:00: as many as eight hours ahead of UTC.
 * Task 5 runs on worker-001 for it.
 */
export const DOCUMENT_ROWS = [
  "SET SESSION time_zone = '+08:00'",
  `INSERT INTO af_device (device_id, device_name, device_type, ip_address, port, status, capabilities, current_tasks, last_heartbeat)
   VALUES ('master-001', 'Master Node', 'master', '192.168.1.10', 8000, 'online', NULL, 0, NOW()),
     ('worker-001', 'Worker Node 1', 'worker', '192.168.1.100', 8001, 'busy',
      '{"supported_tasks": ["app_data"], "max_concurrent": 5}', 5, NOW()),
     ('worker-002', 'Worker Node 2', 'worker', '192.168.1.101', 8001, 'offline', NULL, 0, NULL)`,
  `INSERT INTO af_task_assignment (task_id, device_id, started_at, completed_at, status, retry_count, error_message) VALUES
     (7, 'worker-001', NOW() - INTERVAL 1 HOUR, NOW() - INTERVAL 50 MINUTE, 'completed', 0, NULL),
     (6, 'worker-001', NOW() - INTERVAL 1 HOUR, NOW() - INTERVAL 50 MINUTE, 'failed', 3, '上游拒绝'),
     (6, 'worker-001', NOW() - INTERVAL 2 HOUR, NULL, 'timeout', 2, NULL),
     (5, 'worker-001', NOW() - INTERVAL 1 HOUR, NULL, 'running', 2, NULL)`,
  "INSERT INTO af_task_assignment (task_id, device_id) VALUES (1, 'worker-001'), (1, 'worker-002')",
  `INSERT INTO af_device_heartbeat (device_id, heartbeat_time, cpu_usage, memory_usage, disk_usage, active_tasks, system_info)
   VALUES ('worker-001', NOW() - INTERVAL 30 DAY, 45.2, 68.5, 32.1, 3, '{"os": "linux"}'),
     ('worker-001', NOW(), 45.2, 68.5, 32.1, 3, NULL), ('worker-002', NULL, NULL, NULL, NULL, NULL, NULL)`,
  "SET SESSION time_zone = '+00:00'",
];

export const TABLES = ['af_device', 'af_task_assignment', 'af_device_heartbeat'] as const;
