import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../access/access.js';
import { emailLinkPage, emailLinkPolicy, UNDO_PAGE, VERIFICATION_PAGE } from '../html/email-link-page.js';

const HTML = 'text/html; charset=utf-8';

@ApiExcludeController()
@Controller('email')
export class EmailLinkPagesController {
  @Get('verify')
  @Public()
  @Header('Content-Type', HTML)
  @Header('Content-Security-Policy', emailLinkPolicy(VERIFICATION_PAGE))
  verification(): string {
    return emailLinkPage(VERIFICATION_PAGE);
  }

  @Get('undo')
  @Public()
  @Header('Content-Type', HTML)
  @Header('Content-Security-Policy', emailLinkPolicy(UNDO_PAGE))
  undo(): string {
    return emailLinkPage(UNDO_PAGE);
  }
}
