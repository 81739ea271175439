import { getText } from '../page/requests.ts';
import { expose } from '../page/subject.ts';
import { timeEach } from '../page/time.ts';

expose({ asset: (times: number) => timeEach(times, () => getText('/asset')) });
