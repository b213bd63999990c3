import { ApiProperty } from '@nestjs/swagger';
import { sessionAlgorithms } from '../config/variables.js';

/** A public key (RFC 7517, RFC 7518 section 6.3.1). */
export class PublicJwk {
  @ApiProperty({ example: 'RSA' })
  kty!: string;

  @ApiProperty({
    description: 'The modulus',
    example: 'u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u',
  })
  n!: string;

  @ApiProperty({ description: 'The exponent', example: 'AQAB' })
  e!: string;

  @ApiProperty({
    description: 'The thumbprint of the key (RFC 7638)',
    example: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  })
  kid!: string;

  @ApiProperty({ example: 'sig' })
  use!: string;

  @ApiProperty({
    description: 'The only algorithm that tokens of this key have',
    enum: sessionAlgorithms,
    example: 'RS512',
  })
  alg!: string;
}

export class JwkSet {
  @ApiProperty({ type: [PublicJwk] })
  keys!: PublicJwk[];
}
