;;; demo.el --- The main job, from a region of puns to a tuned completion -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: GPL-3.0-or-later

;;; Commentary:

;; `make demo' runs this in batch Emacs.  It uses what a person would: the
;; region of prompts/puns.org, the commands' own functions, the service over
;; EPC, the local engine.  Nothing here knows Python, HTTP or torch.

;;; Code:

(require 'cl-lib)
(require 'pen)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-stream)
(require 'pen-source)
(require 'pen-finetune)
(load (expand-file-name "report" (file-name-directory load-file-name)) nil t)
(declare-function pen-demo-report-write "report")

(defconst pen-demo-directory (file-name-directory load-file-name)
  "Where the demo and its report are.")

(defconst pen-demo-puns
  (expand-file-name "../prompts/puns.org" pen-demo-directory)
  "The puns that pen ships.")

(defconst pen-demo-hyperparameters
  '(:n-epochs 6 :seed 1 :eval-every 8 :completions-every 20 :num-completions 1)
  "What both fine-tunes are launched with.")

(defconst pen-demo-deadline 400
  "Seconds that one fine-tune may take.")

;;;; What is said

(defun pen-demo--say (format &rest arguments)
  "Print FORMAT with ARGUMENTS as a line on standard output."
  (princ (concat (apply #'format format arguments) "\n")))

(defun pen-demo--heading (text)
  "Print TEXT as a heading."
  (pen-demo--say "\n== %s" text))

(defvar pen-demo-terminal nil
  "Non-nil if a line of the output can be drawn over.")

(defvar pen-demo--said 0
  "When the last line of progress was printed where lines stay.")

(defun pen-demo--live (text)
  "Show TEXT over the last line of a terminal; elsewhere a line in 5 seconds."
  (cond (pen-demo-terminal
         (send-string-to-terminal (format "\r%-78s\r" text)))
        ((and (not (equal text "")) (> (- (float-time) pen-demo--said) 5))
         (setq pen-demo--said (float-time))
         (pen-demo--say "%s" text))))

(defun pen-demo--time (seconds)
  "Return SECONDS as minutes and seconds; a dash for none."
  (if seconds (format "%d:%02d" (/ (round seconds) 60) (% (round seconds) 60)) "–"))

;;;; The steps

(defun pen-demo--source ()
  "Return the region of the shipped puns, from the first heading to the end."
  (with-current-buffer (find-file-noselect pen-demo-puns)
    (goto-char (point-min))
    (re-search-forward "^\\* ")
    (pen-source-region (line-beginning-position) (point-max))))

(defun pen-demo--show-plan (plan)
  "Print what would be trained on, before anything is."
  (pen-demo--heading "Training set")
  (pen-demo--say "%s" (plist-get plan :summary))
  (pen-demo--say "%s" (plist-get plan :table))
  (dolist (finding (plist-get plan :findings))
    (pen-demo--say "! %s" (plist-get finding :message)))
  (pen-demo--heading "Plan")
  (cl-loop for (key value) on pen-demo-hyperparameters by #'cddr
           do (pen-demo--say "%-18s %s" (substring (symbol-name key) 1) value)))

(defun pen-demo--progress (plist)
  "Show the progress PLIST as one live line."
  (pen-demo--live
   (format "step %s/%s  loss %s  %s tokens/s  ETA %s"
           (plist-get plist :step) (plist-get plist :steps)
           (pen-demo--loss (plist-get plist :loss))
           (if-let ((rate (plist-get plist :tokens-per-second))) (round rate) "–")
           (pen-demo--time (plist-get plist :eta)))))

(defun pen-demo--loss (loss)
  "Return LOSS in nats a token; a dash for none."
  (if loss (format "%.3f" loss) "–"))

(defun pen-demo--event (kind plist)
  "Print what a running job says: KIND and PLIST of one event."
  (pcase kind
    ('progress (pen-demo--progress plist))
    ((and 'log (guard (equal "sample" (format "%s" (plist-get plist :what)))))
     (pen-demo--live "")
     (pen-demo--say "sample after step %s:\n%s"
                    (cadr (assoc "step" (plist-get plist :data)))
                    (pen-demo--indent (string-trim (plist-get plist :text)))))))

(defun pen-demo--follow (job)
  "Wait for JOB, printing its progress; return its details at the end."
  (let* ((id (plist-get job :id))
         (end (pen-stream-wait #'pen-rpc-jobs-watch (list :id id)
                               pen-demo-deadline #'pen-demo--event)))
    (pen-demo--live "")
    (pen-demo--say "%s after %s steps, loss %s, held out %s"
                   (plist-get end :status) (plist-get end :step)
                   (pen-demo--loss (plist-get end :train-loss))
                   (pen-demo--loss (plist-get end :valid-loss)))
    (unless (equal "succeeded" (format "%s" (plist-get end :status)))
      (signal 'pen-job-error
              (list (format "Job %s %s: %s" id (plist-get end :status)
                            (or (plist-get end :error) "no reason given")))))
    (pen-rpc-jobs-show :id id)))

(defun pen-demo--finetune (source model &optional show)
  "Fine-tune MODEL on SOURCE and return (PLAN . JOB); SHOW gets the plan."
  (let* (plan
         (job (pen-finetune-wait
               source
               (append (list :prompt "pun-complete" :model model) pen-demo-hyperparameters)
               (lambda (it) (setq plan it) (when show (funcall show it))))))
    (pen-demo--heading (format "Fine-tuning %s" model))
    (pen-demo--say "job %s" (plist-get job :id))
    (pen-demo--processes)
    (cons plan (pen-demo--follow job))))

(defun pen-demo--processes ()
  "Print the process ids that make up the demo."
  (let* ((status (pen-rpc-engine-status))
         (until (+ (float-time) 20)))
    (while (and (not (plist-get status :trainer-pids)) (< (float-time) until))
      (sleep-for 0.1)
      (setq status (pen-rpc-engine-status)))
    (pen-demo--say "processes: service %s, engine %s, trainer %s"
                   (pen-rpc-pid) (plist-get status :pid)
                   (mapconcat #'number-to-string (plist-get status :trainer-pids) " "))))

(defun pen-demo--bits (model plan)
  "Measure MODEL on the held-out completions of PLAN, through the engine."
  (pen-stream-wait #'pen-rpc-evaluations-likelihood
                   (list :model model :plan (plist-get plan :id)) 120))

(defun pen-demo--opening (plan)
  "Return the prompt of a held-out row of PLAN, as a list of jokes in lines."
  (let ((row (cl-find "valid" (plist-get plan :rows) :test #'equal
                      :key (lambda (row) (format "%s" (plist-get row :side))))))
    (string-remove-suffix (pen-demo--prompt-end)
                          (plist-get (car (plist-get row :segments)) :text))))

(defun pen-demo--prompt-end ()
  "Return what the definition puts behind the jokes of a prompt."
  (string-remove-prefix
   "x" (plist-get (pen-rpc-prompts-render :prompt "pun-complete"
                                          :values '(("jokes" "x") ("more" "x")))
                  :prompt)))

(defun pen-demo--complete (model jokes)
  "Return the candidates of MODEL that continue JOKES."
  (mapcar (lambda (candidate) (plist-get candidate :text))
          (plist-get (pen-stream-wait
                      #'pen-rpc-completions-start
                      (list :prompt "pun-complete" :values `(("jokes" ,jokes))
                            :model model :n 3 :temperature 0.7 :seed 3)
                      120)
                     :candidates)))

(defun pen-demo--check (results curve)
  "Signal an error unless RESULTS and CURVE show what the demo claims."
  (unless (>= (length curve) 40)
    (signal 'pen-job-error
            (list (format "The loss curve has %d points instead of 40." (length curve)))))
  (let ((bits (lambda (name) (plist-get (cdr (assoc name results)) :bits-per-byte))))
    (unless (< (funcall bits "tuned") (funcall bits "base"))
      (signal 'pen-job-error (list "The tuned model is not better than its base on the held-out puns.")))
    (unless (< (funcall bits "base") (funcall bits "from random weights"))
      (signal 'pen-job-error
              (list "Fine-tuning from random weights beat the base before tuning; the base is no good.")))))

(defun pen-demo--compare (plan tuned scratch)
  "Measure and print base, TUNED and SCRATCH on PLAN; return the results."
  (let ((results (mapcar (lambda (pair)
                           (cons (car pair) (pen-demo--bits (cdr pair) plan)))
                         `(("base" . "pen-tiny")
                           ("tuned" . ,(plist-get tuned :fine-tuned-model))
                           ("from random weights" . ,(plist-get scratch :fine-tuned-model))))))
    (pen-demo--heading "Bits per byte of the held-out completions (lower is better)")
    (pcase-dolist (`(,name . ,measured) results)
      (pen-demo--say "%-20s %.3f" name (plist-get measured :bits-per-byte)))
    results))

(defun pen-demo--candidates (plan)
  "Complete a held-out prompt of PLAN with base and tuned model, and print both.
Return (JOKES . TEXTS), TEXTS a list of (NAME CANDIDATE…)."
  (let* ((jokes (pen-demo--opening plan))
         (texts (list (cons "base" (pen-demo--complete "pen-tiny" jokes))
                      ;; No model is named: the definition's newest one answers.
                      (cons "tuned" (pen-demo--complete nil jokes)))))
    (pen-demo--heading "Completions")
    (pen-demo--say "prompt\n%s" (pen-demo--indent jokes))
    (pcase-dolist (`(,name . ,candidates) texts)
      (dolist (candidate candidates)
        (pen-demo--say "%s\n%s" name (pen-demo--indent candidate))))
    (cons jokes texts)))

(defun pen-demo--indent (text)
  "Return TEXT with each line moved to the right."
  (replace-regexp-in-string "^" "  " text))

(defun pen-demo--run ()
  "Do the main job and write the report."
  (pcase-let* ((source (pen-demo--source))
               (`(,plan . ,tuned)
                (pen-demo--finetune source "pen-tiny" #'pen-demo--show-plan))
               (`(,jokes . ,texts) (pen-demo--candidates plan))
               (`(,_ . ,scratch) (pen-demo--finetune source "pen-tiny-untrained"))
               (results (pen-demo--compare plan tuned scratch)))
    (pen-demo-report-write pen-demo-directory plan tuned scratch results jokes texts)
    (pen-demo--say "\nWrote demo/report.org and demo/loss.svg.")
    (pen-demo--check results (plist-get tuned :curve))))

(defun pen-demo ()
  "Run the demo in batch Emacs.
The arguments are `--', the Python to use, and whether this is a terminal."
  (setq pen-python-command (nth 1 command-line-args-left)
        pen-demo-terminal (equal "terminal" (nth 2 command-line-args-left))
        command-line-args-left nil
        standard-output t)
  (condition-case err
      (pen-demo--run)
    (pen-error
     (pen-demo--live "")
     (message "make demo: %s" (pen-rpc-sentence (pen-rpc-error-plist err)))
     (kill-emacs 1))
    (error
     (pen-demo--live "")
     (message "make demo: %s" (error-message-string err))
     (kill-emacs 1)))
  (pen-rpc-stop)
  (kill-emacs 0))

(provide 'demo)
;;; demo.el ends here
