/** The names of schemas that both documents use. */
import type { $ZodType } from 'zod/v4/core';
import * as access from '../../protocol/access.ts';
import * as agent from '../../protocol/agent.ts';
import * as cluster from '../../protocol/cluster.ts';
import { errorBodySchema, errorInfoSchema } from '../../protocol/errors.ts';
import { eventSchema, resourceSchema } from '../../protocol/event.ts';
import * as files from '../../protocol/files.ts';
import * as operation from '../../protocol/operation.ts';
import * as runtimes from '../../protocol/runtimes.ts';
import * as workshop from '../../protocol/workshop.ts';

export const ERROR_COMPONENTS: Readonly<Record<string, $ZodType>> = {
  Error: errorBodySchema,
  ErrorInfo: errorInfoSchema,
};

export const CONTROL_PLANE_COMPONENTS: Readonly<Record<string, $ZodType>> = {
  ...ERROR_COMPONENTS,
  Access: access.accessSchema,
  AccessRequest: access.accessRequestSchema,
  Joined: access.joinedSchema,
  JoinRequest: access.joinRequestSchema,
  LearnerView: access.learnerViewSchema,
  Cluster: cluster.clusterSchema,
  ClusterCheck: cluster.clusterCheckSchema,
  LaunchCluster: cluster.launchClusterSchema,
  LaunchPlan: cluster.launchPlanSchema,
  Offer: cluster.offerSchema,
  VaultPaths: cluster.vaultPathsSchema,
  VaultReport: cluster.vaultReportSchema,
  FileList: cluster.fileListSchema,
  Event: eventSchema,
  Resource: resourceSchema,
  Operation: operation.operationSchema,
  CreatedWorkshop: operation.createdWorkshopSchema,
  RuntimeReport: runtimes.runtimeReportSchema,
  Workshop: workshop.workshopSchema,
  CreateWorkshop: workshop.createWorkshopSchema,
  Worker: workshop.workerSchema,
  Seat: workshop.seatSchema,
  Learner: workshop.learnerSchema,
};

export const AGENT_COMPONENTS: Readonly<Record<string, $ZodType>> = {
  ...ERROR_COMPONENTS,
  AgentHealth: agent.agentHealthSchema,
  AgentInfo: agent.agentInfoSchema,
  Vm: agent.vmSchema,
  CreateVm: agent.createVmSchema,
  FileEntry: files.fileEntrySchema,
  FileStat: files.fileStatSchema,
  FileJson: files.fileJsonSchema,
  WatchEvent: files.watchEventSchema,
  ExecRequest: files.execRequestSchema,
  ExecResult: files.execResultSchema,
};
