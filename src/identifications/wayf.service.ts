import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { PasswordChecks, wrongCredentials } from '../passwords/password-checks.service.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError } from '../errors/api-error.js';
import { accountIdOf } from '../http/account-ids.js';
import { canonicalAddress } from '../http/client-address.js';
import { isUuid } from '../http/validation.js';
import { IdentificationStore } from './identifications.store.js';
import { InstitutionIndex } from './institution-index.service.js';
import { InstitutionStore, type FoundInstitutions, type Institution } from './institutions.store.js';
import { isReturnUrl, withIdentification, withoutIdentification } from './return-urls.js';

/** What a visitor filled in, and the origin of the request. */
export interface SignInForm {
  email: string;
  password: string;
  institution: Institution | null;
  address: string;
  userAgent: string;
}

/** Identifies visitors who choose an institution ("Where are you from?") and sign in. */
@Injectable()
export class Wayf {
  constructor(
    private readonly manager: EntityManager,
    private readonly identifications: IdentificationStore,
    private readonly institutions: InstitutionStore,
    private readonly index: InstitutionIndex,
    private readonly passwordChecks: PasswordChecks,
    private readonly audit: AuditLog,
  ) {}

  /** @returns the URL to return the visitor to. @throws ApiError `not_found` */
  async urlOf(id: string): Promise<string> {
    const url = isUuid(id) ? await this.identifications.findUrl(id) : undefined;
    if (url === undefined || !isReturnUrl(url))
      throw new ApiError('not_found', 'This page has expired. Go back to the site that sent you here.', {
        told: { id: 'wayf.expired', title: 'error.expired.title' },
      });
    return url;
  }

  async search(text: string): Promise<FoundInstitutions> {
    await this.index.catchUp();
    return this.institutions.search(text);
  }

  /** @returns an institution that visitors can sign in for */
  async find(given: string): Promise<Institution | undefined> {
    const id = await accountIdOf(this.manager, given);
    return isUuid(id) ? this.institutions.find(id) : undefined;
  }

  /** The same. @throws ApiError `not_found` */
  async institution(given: string): Promise<Institution> {
    const institution = await this.find(given);
    if (!institution)
      throw new ApiError('not_found', 'This institution is not available. Go back and choose another.', {
        told: { id: 'wayf.absent', way: 'signIn.chooseAnother' },
      });
    return institution;
  }

  /** Signs in with an account of the institution, or with any account if none was chosen.
   * @returns the URL to return the visitor to, with the id of a new, identified identification
   * @throws ApiError `unauthorized` for a wrong password and the like, `forbidden` when the account does not belong to the institution, `unverified`, `not_found`, `rate_limited`, `unavailable`
   */
  async signIn(id: string, form: SignInForm): Promise<string> {
    const url = await this.urlOf(id);
    const account = await this.passwordChecks.check(form.email, form.password, { address: form.address });
    const signIn = {
      identificationId: id,
      accountId: account.id,
      credentialEpoch: account.credentialEpoch,
      email: account.email,
      institutionId: form.institution?.id ?? null,
      ip: canonicalAddress(form.address) ?? null,
      userAgent: form.userAgent,
      returnTo: withoutIdentification(url),
    };
    const identified = await this.manager.transaction(async (tx) => {
      const made = await this.identifications.identifySignedIn(tx, signIn);
      if (made === undefined) return undefined;
      const details = { identification: made };
      await this.audit.record(tx, { kind: 'sign_in', subject: account.id, actorId: account.id, details });
      return made;
    });
    if (identified === undefined) {
      const details = { institution: signIn.institutionId };
      await this.audit.recordAlone({ kind: 'sign_in', subject: account.id, outcome: 'refused', details });
      throw this.refusal(form.institution);
    }
    return withIdentification(url, identified);
  }

  private refusal(institution: Institution | null): ApiError {
    return institution
      ? new ApiError('forbidden', `This account does not belong to ${institution.name}.`, {
          told: { id: 'signIn.otherInstitution', values: { name: institution.name } },
        })
      : wrongCredentials();
  }
}
