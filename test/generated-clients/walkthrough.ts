// What both programs need that is no call of the API: whom they are, and a browser on the pages.
import { equal } from 'node:assert/strict';

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing.`);
  return value;
}

export const URL = given('LATCHKEY');
export const CLIENT = { id: given('CLIENT_ID'), secret: given('CLIENT_SECRET') };
export const APP_TOKEN = given('APP_TOKEN');
export const ADMIN = { email: given('ADMIN_EMAIL'), password: given('ADMIN_PASSWORD') };

export const basic = (id: string, secret: string) => `Basic ${btoa(`${id}:${secret}`)}`;

/** A WAYF page, with the institution that was found there. */
export interface WayfPage {
  href: string;
  institution: string;
}

export async function openWayf(href: string): Promise<WayfPage> {
  const page = await (await fetch(`${href}?q=exam+univ`)).text();
  const institution = /institution=([0-9a-f-]*)"[^]*?Example University/.exec(page)?.[1] ?? '';
  return { href, institution };
}

/** Returns the id of the identification with which the browser goes back. */
export async function signInOnWayf(
  { href, institution }: WayfPage,
  { email, password }: { email: string; password: string },
): Promise<string> {
  const answer = await fetch(href, {
    method: 'POST',
    redirect: 'manual',
    headers: { Origin: URL },
    body: new URLSearchParams({ institution, email, password }),
  });
  equal(answer.status, 303);
  return answer.headers.get('location')?.split('identification=')[1] ?? '';
}
