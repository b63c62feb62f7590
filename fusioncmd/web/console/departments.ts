/* Departments as the node tells of them: other agencies, with what leaves to each and what enters from it. */

import { say } from "../shared/words";
import { get } from "./asking";

export interface Share { way: "leaves" | "enters"; subject: string; en: string; zh: string; count: number; refused: number }
export interface Department {
  name: string; title: string; by: "nats" | "http" | "feed"; at: string[]; shares: Share[]; here: boolean | null; waiting: number; problem_en: string;
  problem_zh: string; url: string; desk: string; desk_place: string; desk_name: string;
}
export interface Departments { lines: Department[]; gateway: boolean; problem_en: string; problem_zh: string }

export const readDepartments = (): Promise<Departments> => get<Departments>("departments");
export const hereWord = (here: boolean | null): string =>
  here === null ? say("not asked yet", "尚未联系") : here ? say("connected", "已连通") : say("does not answer", "无应答");
