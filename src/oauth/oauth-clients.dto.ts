import { ApiProperty } from '@nestjs/swagger';
import { CLIENT_SCOPE_NAMES, type ClientScope } from '../access/client-scopes.js';
import { EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { AccountId, Name, Scopes } from '../http/fields.js';
import { INVALID_ID, IsRefused, notYourOwn } from '../http/validation.js';
import { CurrentPassword } from '../sessions/reauthentication.dto.js';
import type { ClientRecord } from './oauth-clients.store.js';

export const EXAMPLE_CLIENT_ID = '6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a';
const EXAMPLE_CLIENT_SECRET = 'CbCzAkyUWBYSkV3NfP5Hb0mGBBz8jGJYsmAMCG8nvQY';

const NAME = { description: 'A display name', example: 'Reading room' };
const EXAMPLE_SCOPES: ClientScope[] = ['accounts:read', 'identifications'];

const ACTOR = { type: String, format: 'uuid', nullable: true, example: null } as const;

/** The id and the secrets of a client cannot be chosen. */
class WithoutOwnSecret {
  @IsRefused(notYourOwn('id'))
  id?: never;

  @IsRefused(notYourOwn('secret'))
  client_secret?: never;
}

export class NewOauthClient extends WithoutOwnSecret {
  @Name(NAME)
  name!: string;

  @Scopes(CLIENT_SCOPE_NAMES, { example: EXAMPLE_SCOPES })
  scopes!: ClientScope[];

  @CurrentPassword()
  current_password?: string;
}

export class OauthClientChange extends WithoutOwnSecret {
  @Name({ ...NAME, required: false })
  name?: string;

  @Scopes(CLIENT_SCOPE_NAMES, { example: EXAMPLE_SCOPES, required: false })
  scopes?: ClientScope[];

  @AccountId(
    { description: 'The id of the new owner, an enabled admin', example: EXAMPLE_ID, required: false },
    INVALID_ID,
  )
  owner?: string;
}

export class ClientSecretView {
  @ApiProperty({ format: 'uuid', example: '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55' })
  id!: string;

  @ApiProperty({ description: 'The last four characters', type: String, nullable: true, example: 'nvQY' })
  hint!: string | null;

  @ApiProperty({
    ...ACTOR,
    description:
      'The id of the account that added it on behalf of another; it ends with the token that it was added with',
  })
  actor!: string | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  created_at!: Date;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Accurate to about a minute',
    example: null,
  })
  last_used_at!: Date | null;
}

export class OauthClientView {
  @ApiProperty({ description: 'The `client_id`', example: EXAMPLE_CLIENT_ID })
  id!: string;

  @ApiProperty({ example: 'Reading room' })
  name!: string;

  @ApiProperty({ isArray: true, enum: CLIENT_SCOPE_NAMES, example: EXAMPLE_SCOPES })
  scopes!: string[];

  @ApiProperty({
    description: 'The id of the account that owns it. A client only works while its owner is an enabled admin',
    type: String,
    format: 'uuid',
    nullable: true,
    example: EXAMPLE_ID,
  })
  owner!: string | null;

  @ApiProperty({ ...ACTOR, description: 'The id of the account that created it while acting for the owner' })
  actor!: string | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  created_at!: Date;

  @ApiProperty({
    description:
      '`null`: never. A client that was created on behalf of its owner ends with the token that it was created with',
    type: String,
    format: 'date-time',
    nullable: true,
    example: null,
  })
  expires_at!: Date | null;

  @ApiProperty({ type: [ClientSecretView] })
  secrets!: ClientSecretView[];
}

export class NewOauthClientAnswer extends OauthClientView {
  @ApiProperty({ description: 'Only shown once', example: EXAMPLE_CLIENT_SECRET })
  client_secret!: string;
}

export class OauthClientList {
  @ApiProperty({ type: [OauthClientView] })
  oauth_clients!: OauthClientView[];
}

export interface NewSecret {
  client: ClientRecord;
  secret: string;
}

function viewOf({ ownerId, actorId, createdAt, expiresAt, secrets, ...client }: ClientRecord) {
  return {
    id: client.id,
    name: client.name,
    scopes: client.scopes,
    owner: ownerId,
    actor: actorId,
    created_at: createdAt,
    expires_at: expiresAt,
    secrets: secrets.map(({ id, hint, actor, created_at, last_used_at }) => ({
      id,
      hint,
      actor,
      created_at: new Date(created_at),
      last_used_at: last_used_at === null ? null : new Date(last_used_at),
    })),
  };
}

export const toOauthClientView: (client: ClientRecord) => OauthClientView = viewOf;

/** The only representation that contains the secret. */
export function toNewOauthClientAnswer({ client, secret }: NewSecret): NewOauthClientAnswer {
  return { ...viewOf(client), client_secret: secret };
}
