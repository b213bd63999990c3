import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { IgnoresUnknown, Public } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { LINK_PAGE_POLICY } from '../html/link-page.js';
import { resetPage } from '../html/reset-page.js';

@ApiExcludeController()
@IgnoresUnknown()
@Controller('password/reset')
export class ResetPageController {
  private readonly page: string;

  constructor(@Inject(CONFIG) { passwordMinLength }: Config) {
    this.page = resetPage(passwordMinLength);
  }

  @Get()
  @Public()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', LINK_PAGE_POLICY)
  show(): string {
    return this.page;
  }
}
