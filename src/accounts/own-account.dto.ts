import { ApiProperty } from '@nestjs/swagger';
import { Nested } from '../http/fields.js';
import { Locale } from './account-fields.dto.js';
import { OwnAccountView } from './accounts.dto.js';

/** What holders can change of their account without its password. */
export class OwnAccountChange {
  // So far there is nothing else to change.
  @Locale({ required: true })
  locale!: string | null;
}

export class OwnAccountChangeBody {
  @Nested(() => OwnAccountChange)
  account!: OwnAccountChange;
}

class OwnAccountWithLocaleView extends OwnAccountView {
  @ApiProperty({ description: 'Of its mails; `null`: English', type: String, nullable: true, example: 'de' })
  locale!: string | null;
}

export class OwnAccountAnswer {
  @ApiProperty()
  data!: OwnAccountWithLocaleView;
}

/** An account as it is stored, as far as its holder sees it. */
export interface OwnAccountRecord {
  id: string;
  email: string;
  locale: string | null;
  legacyId: string | null;
}

/** What account holders see of themselves and their settings. */
export const toOwnAccountAnswer = ({ id, email, locale, legacyId }: OwnAccountRecord): OwnAccountAnswer => ({
  data: { id, email, locale, ...(legacyId !== null && { legacy_id: legacyId }) },
});
