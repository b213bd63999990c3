import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { IgnoresUnknown, Public } from '../access/access.js';
import { undoPage, verificationPage } from '../html/email-link-pages.js';
import { LINK_PAGE_POLICY } from '../html/link-page.js';

const HTML = 'text/html; charset=utf-8';

@ApiExcludeController()
@IgnoresUnknown()
@Controller('email')
export class EmailLinkPagesController {
  @Get('verify')
  @Public()
  @Header('Content-Type', HTML)
  @Header('Content-Security-Policy', LINK_PAGE_POLICY)
  verification(): string {
    return verificationPage();
  }

  @Get('undo')
  @Public()
  @Header('Content-Type', HTML)
  @Header('Content-Security-Policy', LINK_PAGE_POLICY)
  undo(): string {
    return undoPage();
  }
}
